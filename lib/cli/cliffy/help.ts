import { type CommandDefinition, lineage } from "./definitions.ts";

/** The help of a command, by its own handler or the next one above. */
export function helpText(command: CommandDefinition): string {
  const handler = [...lineage(command)].find(({ help }) => help)?.help;
  if (handler === undefined) throw new TypeError("The stand-in for Cliffy has no help of its own");
  return handler(command.self);
}
