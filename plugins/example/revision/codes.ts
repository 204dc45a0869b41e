import type { CodePage } from "premigrate/policy";

/** The codes of `example/revision`. */
export const CODES = {
  "other-revision": {
    severity: "veto",
    title: "The destination's device has another revision",
    message: "The source has revision {source:hex}, the destination {destination:hex}",
    remedy: "Choose a device of the same revision.",
    about: "The guest's driver was started on the source's revision.",
  },
  "revision-not-known": {
    severity: "undecided",
    title: "A device's revision is not known",
    message: "The revision of the {side} device is not known",
    remedy: "Gather the facts again with its config space.",
    about: "The revision is the byte at 0x08 of the config space.",
  },
} as const satisfies Record<string, CodePage>;
