/**
 * The HTTP interface of `throughline serve`, from which the server, the client, and the OpenAPI document are derived.
 *
 * A path holds ids percent-encoded, as `encodeURIComponent` writes them, and the ids `.` and `..` as `~.` and `~..`. Each
 * error is JSON: `_tag` names it, beside its fields stand `message` and `isRetryable`. All but `/health`, `/`, `/docs` and
 * `/openapi.json` needs the token if there is one. What changes something needs `--write` and the content type
 * `application/json`.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { wrongHost } from "./endpoints/errors.ts"
import { observation, service } from "./endpoints/observation.ts"
import { operations } from "./endpoints/operations.ts"
import { sessions } from "./endpoints/sessions.ts"
import { turns } from "./endpoints/turns.ts"

/**
 * All endpoints.
 *
 * @since 0.1.0
 * @category api
 */
export class Api extends HttpApi.make("throughline")
  .add(service)
  .add(observation)
  .add(sessions)
  .add(operations)
  .add(turns)
  .addError(wrongHost)
  .annotate(OpenApi.Title, "throughline")
  .annotate(OpenApi.Description, "Sessions that outlive their model's window") {}
