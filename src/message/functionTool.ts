/** Function tools in OpenAI's shape, as a model is offered them. */

/** A function tool that a model may call by `name`. */
export interface FunctionTool<Name extends string> {
  readonly type: "function"
  readonly function: {
    readonly name: Name
    readonly description: string
    readonly strict: true
    readonly parameters: Readonly<Record<string, unknown>>
  }
}

/** Makes a tool of which every property is required, as strict tools have to. */
export const makeFunctionTool = <Name extends string>(
  name: Name,
  description: string,
  properties: Readonly<Record<string, unknown>>
): FunctionTool<Name> => {
  const parameters = { type: "object", properties, required: Object.keys(properties), additionalProperties: false }
  return { type: "function", function: { name, description, strict: true, parameters } }
}
