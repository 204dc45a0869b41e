import config from "../../deno.json" with { type: "json" };

/** The version of premigrate. */
export const { version }: { readonly version: string } = config;
