import { Command, definition } from "./command.ts";
import { shownCommands } from "./definitions.ts";
import { helpText } from "./help.ts";
import { exit, print, unknownCommand } from "./run.ts";

/** `help [command]`: the help of the command that it is a sub-command of, or of one beside it. */
export class HelpCommand extends Command<void, void, [commandName?: string]> {
  constructor() {
    super();
    this.description("Show this help or the help of a sub-command.")
      .arguments("[command:command]")
      .noGlobals()
      .action((_, name) => {
        const { parent } = this[definition];
        if (parent === undefined) return;
        const commands = shownCommands(parent);
        const found = name ? commands.find((it) => it.name === name) : parent;
        if (found === undefined) {
          throw unknownCommand(name ?? "", commands.filter((it) => it !== this[definition]));
        }
        print(helpText(found));
        exit(found);
      });
  }
}
