/** What a chat message must be at run time. `Message` says less in its types: those are of the `openai` package. */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const ImagePart = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Struct({ url: Schema.String, detail: Schema.optional(Schema.NullOr(Schema.String)) })
})

const RefusalPart = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })

const KNOWN_PARTS: ReadonlyArray<string> = ["text", "image_url", "refusal"]

/** Audio, files and parts of a server's own type: kept, counted by their size, never read. */
const OtherPart = Schema.Struct({
  type: Schema.String.pipe(
    Schema.filter((type) => !KNOWN_PARTS.includes(type), {
      message: () => "a complete text, image_url or refusal part"
    })
  )
})

const Content = Schema.Union(Schema.String, Schema.Array(Schema.Union(TextPart, ImagePart, RefusalPart, OtherPart)))

const FunctionCall = Schema.Struct({ name: Schema.String, arguments: Schema.String })

export const ToolCall = Schema.Union(
  Schema.Struct({ id: Schema.NonEmptyString, type: Schema.Literal("function"), function: FunctionCall }),
  Schema.Struct({
    id: Schema.NonEmptyString,
    type: Schema.Literal("custom"),
    custom: Schema.Struct({ name: Schema.String, input: Schema.String })
  })
)

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const native = Schema.optional(Schema.Struct({ format: Schema.String }))

const SystemMessage = Schema.Struct({ role: Schema.Literal("system", "developer"), content: Content, native })

const UserMessage = Schema.Struct({ role: Schema.Literal("user"), content: Content, native })

const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: optional(Content),
  tool_calls: optional(Schema.Array(ToolCall)),
  refusal: optional(Schema.String),
  function_call: optional(FunctionCall),
  audio: optional(Schema.Struct({ transcript: optional(Schema.String) })),
  native
})

const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  tool_call_id: Schema.NonEmptyString,
  content: Content,
  native
})

/** Keeps the fields that it does not know. */
export const Message = Schema.Union(SystemMessage, UserMessage, AssistantMessage, ToolMessage).annotations({
  parseOptions: { onExcessProperty: "preserve" }
})

/** Explains what is wrong with it as a message of its own role. The issues of other roles would say nothing. */
export const explainInvalid = (input: unknown): string => {
  if (!Predicate.isRecord(input)) return "Expected an object with a role"
  const ofRole = explanations.find(({ roles }) => roles.some((role) => role === input["role"]))
  if (ofRole === undefined) {
    return `role: Expected ${explanations.flatMap(({ roles }) => roles.map((role) => `"${role}"`)).join(" | ")}`
  }
  return Either.match(ofRole.decode(input), {
    // Only the first issue: a union reports one per member.
    onLeft: (error) => ParseResult.ArrayFormatter.formatIssueSync(error).slice(0, 1).map(describeIssue).join(),
    onRight: () => "unreadable"
  })
}

const makeExplanation = <A, I>(roles: ReadonlyArray<string>, schema: Schema.Schema<A, I>) => {
  const decode: (input: unknown) => Either.Either<unknown, ParseResult.ParseIssue> =
    ParseResult.decodeUnknownEither(schema)
  return { roles, decode }
}

const explanations = [
  makeExplanation(["system", "developer"], SystemMessage),
  makeExplanation(["user"], UserMessage),
  makeExplanation(["assistant"], AssistantMessage),
  makeExplanation(["tool"], ToolMessage)
]

/** Leaves out the value, which may hold a secret. */
const describeIssue = ({ message, path }: ParseResult.ArrayFormatterIssue): string => {
  const [expected = message] = message.split(", actual ", 1)
  return path.length === 0 ? expected : `${path.map(String).join(".")}: ${expected}`
}
