/** Function tools in OpenAI's shape, as a model is offered them. */

/** A function tool that a model may call by `name`. */
export interface FunctionTool<Name extends string> {
  readonly type: "function"
  readonly function: {
    readonly name: Name
    readonly description: string
    readonly strict: true
    readonly parameters: {
      readonly type: "object"
      readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>
      readonly required: Array<string>
      readonly additionalProperties: false
    }
  }
}

/** Makes a tool of which every property is required, as strict tools have to. */
export const makeFunctionTool = <Name extends string>(
  name: Name,
  description: string,
  properties: FunctionTool<Name>["function"]["parameters"]["properties"]
): FunctionTool<Name> => {
  const required = Object.keys(properties)
  const parameters = { type: "object", properties, required, additionalProperties: false } as const
  return { type: "function", function: { name, description, strict: true, parameters } }
}
