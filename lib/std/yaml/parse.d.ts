export type SchemaType = "core" | "default" | "extended" | "failsafe" | "json";
export function parse(content: string, options?: { schema?: SchemaType }): unknown;
