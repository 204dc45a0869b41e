import { findingsOf, type OwnCodePage, type OwnFinding } from "../policy/own_codes.ts";

/** The codes of code plugins that fail. */
export const PLUGIN_CODES = {
  "plugin-threw": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin threw an error",
    message: "Plugin {id} threw: {problem}",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "What a plugin that fails would have found is not known.",
  },
  "plugin-reached-out": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin tried to reach outside",
    message: "Plugin {id} tried to use what it has no permission for: {permission}",
    remedy: "Find out why the plugin needs it before you list it again.",
    about:
      "A plugin is a pure function of the facts. It has no permission for files, network, environment, programs or libraries. Deno refuses each attempt and reports it.",
  },
  "plugin-timed-out": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin did not answer in time",
    message: "Plugin {id} had not answered after {seconds} seconds",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin is ended when its time is up, so that it delays no verdict.",
  },
  "plugin-out-of-memory": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin ran out of memory",
    message: "Plugin {id} needs more memory than a plugin may have",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin has a limited heap, and V8 ends it when that is full.",
  },
  "plugin-flooded": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin printed too much",
    message: "Plugin {id} printed more than {bytes} bytes",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin is ended when its answer is larger than an answer may be.",
  },
  "plugin-nonsense": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin's answer cannot be read",
    message: "Plugin {id} gave no answer that can be read: {problem}",
    remedy:
      "Build the plugin again with this version of premigrate. A plugin must not print anything.",
    about: "A plugin's findings have codes that it declares, and texts and numbers within bounds.",
  },
  "plugin-claims-id": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin has another policy's id",
    message: "Plugin {id} says that it is {claimed}, which is another policy's id",
    remedy: "Take one of the two out, or give the plugin an id of its own.",
    about: "Findings are listed under their policy's id, so an id belongs to one policy.",
  },
  "plugin-ended": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin ended without an answer",
    message: "Plugin {id} ended with status {status} before it answered",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin returns its findings; it does not exit.",
  },
  "plugin-not-started": {
    severity: "undecided",
    trouble: "policy",
    title: "A code plugin could not be started",
    message: "Plugin {id} could not be started: {problem}",
    remedy: "See that premigrate may run Deno and /bin/sh.",
    about: "Each plugin runs in a Deno of its own.",
  },
  "plugin-not-asked": {
    severity: "undecided",
    title: "A code plugin of the destination was not asked",
    message: "Plugin {id} of {host} was not asked: its code is not trusted here",
    remedy: "Run `premigrate check` on the destination, or name the plugin (--plugin FILE=DIGEST).",
    about:
      "`check` runs no code that another host sends. It runs a plugin that this host has applied itself, with the same digest, or that the command names. What another plugin would have found is not known.",
  },
} as const satisfies Readonly<Record<string, OwnCodePage>>;

/** A finding about a code plugin. */
export const pluginFinding: OwnFinding<keyof typeof PLUGIN_CODES> = findingsOf(PLUGIN_CODES);
