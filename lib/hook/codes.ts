import { PLUGIN_CODES } from "../plugin/codes.ts";
import type { CodeOwner } from "../policy/mod.ts";
import { ENGINE_CODES } from "../policy/engine_codes.ts";
import { ENGINE_ID, findingsOf, type OwnCodePage, type OwnFinding } from "../policy/own_codes.ts";

/** The codes of what keeps the hook from judging. */
export const HOOK_CODES = {
  "no-stamp": {
    severity: "undecided",
    title: "The guest carries no stamp",
    message:
      "The guest's metadata says nothing about its source host, and no host to ask is configured",
    remedy:
      "Run the agent on the source host, or `premigrate stamp` there before migrating; or name the hosts in config.yaml. For a guest that is shut off: `premigrate stamp --offline`.",
    about:
      "Libvirt tells the destination nothing about the source host. Its facts come in the domain's metadata (the stamp), or from the configured hosts, which are asked for the guest's UUID.",
  },
  "stamp-unusable": {
    severity: "undecided",
    title: "The guest's stamp cannot be used",
    message: "The stamp cannot be read: {reason}",
    remedy: "Stamp the guest again on its host, with the same version of premigrate.",
    about: "A stamp is used as a whole or not at all. Its digest shows any damage.",
  },
  "stamp-too-old": {
    severity: "undecided",
    title: "The guest's stamp is too old",
    message: "The stamp is {age} seconds old; {most} are allowed",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A host's driver may change while a guest runs, so a stamp is used for a limited time (maxAge in config.yaml).",
  },
  "stamp-from-future": {
    severity: "undecided",
    title: "The guest's stamp is from the future",
    message: "The stamp's time is {seconds} seconds ahead of this host's clock",
    remedy: "Set both hosts' clocks.",
    about: "The age of a stamp means nothing if the two hosts' clocks disagree.",
  },
  "stamp-of-destination": {
    severity: "undecided",
    title: "The guest's stamp was made on this host",
    message: "The stamp names {host}, which is the destination itself",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A guest that comes back from a host without the agent still has its old stamp, which describes this host and not its source.",
  },
  "stamp-of-other-guest": {
    severity: "undecided",
    title: "The stamp is another guest's",
    message: "The stamp was made for the guest {guest}",
    remedy: "Stamp the guest itself; a clone must not keep the original's metadata.",
    about: "A stamp describes the devices of one guest.",
  },
  "stamp-of-other-devices": {
    severity: "undecided",
    title: "The stamp describes other devices",
    message: "The guest has devices at {wanted}; its stamp describes devices at {stamped}",
    remedy: "Stamp the guest again: devices were plugged or unplugged since.",
    about:
      "Devices are compared by their PCI addresses in the guest, which a migration keeps. An interface on a libvirt network may be a device in the stamp and none in the XML that libvirt sends; that does not count as a difference.",
  },
  "offline-migration": {
    severity: "info",
    title: "The guest is migrated while it is shut off",
    message: "The guest was marked as shut off {age} seconds ago: no device was compared",
    remedy: "Nothing to do.",
    about:
      "A guest that is shut off sends no device state. Libvirt does not tell the hook that a migration is offline, so the operator marks the guest.",
  },
  "offline-mark-too-old": {
    severity: "undecided",
    title: "The mark of an offline migration is too old",
    message: "The guest was marked as shut off {age} seconds ago; {most} are allowed",
    remedy: "Run `premigrate stamp --offline` again right before migrating.",
    about: "The guest may have been started since.",
  },
  "origin-not-known": {
    severity: "warn",
    title: "It is not known where the guest was started",
    message: "The source device's bytes are those that {host} shows now",
    remedy: "Stamp the guest, or run the agent on all hosts.",
    about:
      "QEMU carries the config space from the host where the guest was started from host to host. Only a stamp has it. The bytes that QEMU compares were equal on each host that the guest has been on. So only bytes that it does not compare may differ, as the body of a Vendor Specific Capability.",
  },
  "host-not-read": {
    severity: "undecided",
    title: "A configured host could not be asked",
    message: "{host} could not be asked for the guest: {problem}",
    remedy: "See that this host may log in there without a password, and that libvirt answers.",
    about:
      "If a guest has no stamp, the configured hosts are asked for its UUID. A host that does not answer may be its source.",
  },
  "guest-not-found": {
    severity: "undecided",
    title: "No configured host runs the guest",
    message: "None of {hosts} configured hosts runs the guest",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about: "If a guest has no stamp, the configured hosts are asked for its UUID.",
  },
  "several-sources": {
    severity: "undecided",
    title: "More than one host may be the guest's source",
    message: "Each of {hosts} has the guest and sends or runs it",
    remedy: "End the guest where it is a left-over or a copy, or stamp it on its source host.",
    about:
      "If a guest has no stamp, the configured hosts are asked for its UUID. The source is the host whose libvirt migrates the guest away under this name. Where libvirt does not say so, it is the host that runs the guest. The hook waits up to five seconds for the other hosts.",
  },
  "guest-of-other-name": {
    severity: "undecided",
    title: "A configured host has the guest under another name",
    message: "{host} has a guest of this UUID with the name {name}, not {wanted}",
    remedy:
      "Stamp the guest on its host, as for `virsh migrate --dname`; give a copy its own UUID.",
    about:
      "A copy may have kept the original's UUID. Its devices say nothing about those of the guest that arrives.",
  },
  "guest-not-leaving": {
    severity: "undecided",
    title: "A configured host has the guest, but does not send it",
    message: "{host} has the guest ({state}), and is not migrating it",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about:
      "A guest that is paused on a host, or runs there and does not migrate, is a left-over or a copy. Libvirt on the source has a job of the kind `Outgoing migration` (virsh domjobinfo) before it asks the destination anything.",
  },
  "destination-not-read": {
    severity: "undecided",
    title: "The destination's devices could not be read",
    message: "This host could not be read: {problem}",
    remedy: "Run `premigrate doctor` on this host.",
    about: "The probe did not finish, or its output cannot be understood.",
  },
  "asked-anew": {
    severity: "info",
    title: "This host's QEMU was not known yet",
    message: "This host's libvirt and QEMU, or a device, were asked a second time",
    remedy: "Run the agent, or `premigrate cache` after an upgrade: it saves the time.",
    about:
      "What libvirt and QEMU say about themselves is kept until one of their files changes. A device that the domain XML names in an unusual way is read a second time.",
  },
  "deadline-passed": {
    severity: "undecided",
    trouble: "deadline",
    title: "The deadline passed",
    message: "There was no verdict after {seconds} seconds",
    remedy: "See what keeps the hosts busy, or allow more time (deadline in config.yaml).",
    about: "Libvirt would wait for the hook without a limit.",
  },
  "config-not-read": {
    severity: "undecided",
    trouble: "config",
    title: "The applied configuration cannot be read",
    message: "The applied configuration cannot be read: {problem}",
    remedy: "Run `premigrate config apply`.",
    about:
      "The hook runs by /etc/premigrate/applied.conf, which `config apply` makes from config.yaml.",
  },
  "config-not-known": {
    severity: "undecided",
    trouble: "config",
    title: "The destination's configuration is not known",
    message: "What premigrate is told to do on {host} is not known: {problem}",
    remedy:
      "Let `check` read /etc/premigrate/applied.conf there (--to-ssh, --sudo), or name a configuration (--config).",
    about:
      "A hook decides by its applied configuration: modes, options, the site's policies, plugins. `check` reads it with the probe. Where it cannot, what the hook would refuse is not known.",
  },
  "not-a-domain": {
    severity: "undecided",
    trouble: "input",
    title: "Libvirt handed over no domain XML",
    message: "Libvirt handed over no domain XML: {problem}",
    remedy: "See which other hook changes the XML (/etc/libvirt/hooks/qemu, qemu.d).",
    about: "A hook gets the output of the hook before it.",
  },
  "nothing-handed-over": {
    severity: "undecided",
    trouble: "input",
    title: "The hook got no domain XML",
    message: "The hook was called for a migration without any input",
    remedy:
      "See which other hook calls this one (/etc/libvirt/hooks/qemu): libvirt runs all that is in qemu.d itself.",
    about:
      "Libvirt hands over the guest's XML in every call at migrate begin. A call without it comes from another program, as from a dispatcher that passes on the output of the hook before. It is refused, and the audit says `unjudged`: libvirt's own call decides about the guest.",
  },
  "report-not-written": {
    severity: "undecided",
    trouble: "report",
    title: "The report could not be written",
    message: "The report or the audit line could not be written: {problem}",
    remedy: "See that /var/log/premigrate is there and the disk is not full.",
    about:
      "By default the decision stands. With `onTrouble.report: closed` a migration without a report is refused.",
  },
  "hook-failed": {
    severity: "undecided",
    trouble: "hook",
    title: "The hook failed",
    message: "The hook failed: {problem}",
    remedy: "Run `premigrate doctor`, and report it to premigrate's authors.",
    about: "An unexpected error: nothing was decided.",
  },
} as const satisfies Readonly<Record<string, OwnCodePage>>;

/** A finding of the hook's. */
export const hookFinding: OwnFinding<keyof typeof HOOK_CODES> = findingsOf(HOOK_CODES);

/** All codes of premigrate's own. */
export const OWN: CodeOwner<OwnCodePage> = {
  policy: { id: ENGINE_ID, codes: { ...ENGINE_CODES, ...PLUGIN_CODES, ...HOOK_CODES } },
};
