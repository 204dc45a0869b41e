import { PLUGIN_CODES } from "../plugin/codes.ts";
import {
  type CodeOwner,
  ENGINE_CODES,
  ENGINE_ID,
  findingsOf,
  type OwnCodePage,
  type OwnFinding,
} from "../policy/mod.ts";

/** The codes of what keeps the hook from judging. */
export const HOOK_CODES = {
  "no-stamp": {
    severity: "undecided",
    title: "The guest carries no stamp",
    message:
      "The guest's metadata tells nothing of its source host, and no host is configured to be asked",
    remedy:
      "Run the agent on the source host, or `premigrate stamp` there before migrating; or name the hosts in config.yaml. For a guest that is shut off: `premigrate stamp --offline`.",
    about:
      "Libvirt tells the destination nothing of the source host. Its facts come in the domain's metadata (the stamp), or from the configured hosts, which are asked for the guest's UUID.",
  },
  "stamp-unusable": {
    severity: "undecided",
    title: "The guest's stamp cannot be used",
    message: "The stamp cannot be read: {reason}",
    remedy: "Stamp the guest again on its host, with the same version of premigrate.",
    about: "A stamp is believed as a whole or not at all; its digest shows any damage.",
  },
  "stamp-too-old": {
    severity: "undecided",
    title: "The guest's stamp is too old",
    message: "The stamp is {age} seconds old, believed are {most}",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A host's driver may change under a running guest, so its facts are believed for a time only (maxAge in config.yaml).",
  },
  "stamp-from-future": {
    severity: "undecided",
    title: "The guest's stamp is from the future",
    message: "The stamp's time is {seconds} seconds ahead of this host's clock",
    remedy: "Set both hosts' clocks.",
    about: "The age of a stamp means nothing where the two hosts' clocks disagree.",
  },
  "stamp-of-destination": {
    severity: "undecided",
    title: "The guest's stamp was made on this host",
    message: "The stamp names {host}, which is the destination itself",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A guest that comes back from a host where nobody renewed its stamp still has the one from before. What it says of the source host is of this host.",
  },
  "stamp-of-other-guest": {
    severity: "undecided",
    title: "The stamp is another guest's",
    message: "The stamp was made for the guest {guest}",
    remedy: "Stamp the guest itself; a clone must not keep the original's metadata.",
    about: "A stamp tells of one guest's devices.",
  },
  "stamp-of-other-devices": {
    severity: "undecided",
    title: "The stamp tells of other devices",
    message: "The guest has devices at {wanted}, its stamp was made with devices at {stamped}",
    remedy: "Stamp the guest again: devices were plugged or unplugged since.",
    about:
      "Devices are told by their PCI addresses in the guest, which a migration keeps. An interface on a libvirt network may be a device in the stamp, and is none in the XML that libvirt sends: that is no contradiction.",
  },
  "offline-migration": {
    severity: "info",
    title: "The guest is migrated while it is shut off",
    message: "The guest was marked as shut off {age} seconds ago: no device was compared",
    remedy: "Nothing to do.",
    about:
      "No device state is sent when a guest is migrated while it is shut off; it starts afresh on the destination. Libvirt does not tell the hook which migration it is, so the operator does.",
  },
  "offline-mark-too-old": {
    severity: "undecided",
    title: "The mark of an offline migration is too old",
    message: "The guest was marked as shut off {age} seconds ago, believed are {most}",
    remedy: "Run `premigrate stamp --offline` again right before migrating.",
    about: "The guest may have been started since.",
  },
  "origin-not-known": {
    severity: "warn",
    title: "It is not known where the guest was started",
    message: "The source device's bytes are those that {host} shows now",
    remedy: "Stamp the guest, or run the agent on all hosts.",
    about:
      "QEMU carries the config space of the host where the guest was started from host to host; only a stamp tells what it was. What QEMU compares was equal on each host that the guest has been on, so only bytes that it does not compare may be others, as the body of a Vendor Specific Capability.",
  },
  "host-not-read": {
    severity: "undecided",
    title: "A configured host could not be asked",
    message: "{host} could not be asked for the guest: {problem}",
    remedy: "See that this host may log in there without a password, and that libvirt answers.",
    about:
      "Where a guest has no stamp the configured hosts are asked for its UUID. One that does not answer may be the one it runs on.",
  },
  "guest-not-found": {
    severity: "undecided",
    title: "No configured host runs the guest",
    message: "None of {hosts} configured hosts runs the guest",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about: "Where a guest has no stamp the configured hosts are asked for its UUID.",
  },
  "several-sources": {
    severity: "undecided",
    title: "More than one host may be the guest's source",
    message: "Each of {hosts} has the guest and sends or runs it",
    remedy:
      "End the guest where it is a left-over or a copy, or stamp it on the host that it comes from.",
    about:
      "Where a guest has no stamp the configured hosts are asked for its UUID. The source is the one whose libvirt is migrating the guest away under this name; where libvirt does not tell, the one that runs it. The others are waited for, up to five seconds.",
  },
  "guest-of-other-name": {
    severity: "undecided",
    title: "A configured host has the guest under another name",
    message: "{host} has a guest of this UUID with the name {name}, not {wanted}",
    remedy:
      "Stamp the guest on its host, as for `virsh migrate --dname`; give a copy its own UUID.",
    about:
      "A copy may have kept the original's UUID. Its devices tell nothing of those of the guest that arrives.",
  },
  "guest-not-leaving": {
    severity: "undecided",
    title: "A configured host has the guest, but does not send it",
    message: "{host} has the guest ({state}), and is not migrating it",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about:
      "A guest that stands still on a host, or runs there without a migration to another one, is a left-over or a copy. libvirt on the source has a job of the kind `Outgoing migration` (virsh domjobinfo) before it asks the destination anything.",
  },
  "destination-not-read": {
    severity: "undecided",
    title: "The destination's devices could not be read",
    message: "This host could not be read: {problem}",
    remedy: "Run `premigrate doctor` on this host.",
    about: "The probe did not come to its end, or what it printed cannot be understood.",
  },
  "asked-anew": {
    severity: "info",
    title: "This host's QEMU was not known yet",
    message: "This host's libvirt and QEMU, or a device, were asked a second time",
    remedy: "Run the agent, or `premigrate cache` after an upgrade: it saves the time.",
    about:
      "What libvirt and QEMU say of themselves is kept until one of their files changes; what a domain XML names in an unusual way is looked for a second time.",
  },
  "deadline-passed": {
    severity: "undecided",
    trouble: "deadline",
    title: "The deadline passed",
    message: "There was no verdict after {seconds} seconds",
    remedy: "See what keeps the hosts busy, or allow more time (deadline in config.yaml).",
    about: "Libvirt waits for a hook for ever; premigrate does not let it.",
  },
  "config-not-read": {
    severity: "undecided",
    trouble: "config",
    title: "The applied configuration cannot be read",
    message: "{problem}",
    remedy: "Run `premigrate config apply`.",
    about:
      "The hook runs by /etc/premigrate/applied.conf, which `config apply` makes of config.yaml.",
  },
  "not-a-domain": {
    severity: "undecided",
    trouble: "input",
    title: "Libvirt handed over no domain XML",
    message: "{problem}",
    remedy: "See which other hook changes the XML (/etc/libvirt/hooks/qemu, qemu.d).",
    about: "An earlier hook's output is what this one gets.",
  },
  "nothing-handed-over": {
    severity: "undecided",
    trouble: "input",
    title: "Nobody handed over a domain XML",
    message: "The hook was called for a migration, and nothing was handed over to it",
    remedy:
      "See which other hook calls this one (/etc/libvirt/hooks/qemu): libvirt runs all that is in qemu.d itself.",
    about:
      "Libvirt hands over the guest's XML in every call at migrate begin. A call without is another program's, as of a dispatcher that hands on what the hook before printed; it is refused, and the audit says `unjudged`: what becomes of the guest libvirt's own call decides.",
  },
  "report-not-written": {
    severity: "undecided",
    trouble: "report",
    title: "The report could not be written",
    message: "The report or the audit line could not be written: {problem}",
    remedy: "See that /var/log/premigrate is there and the disk is not full.",
    about:
      "By default the decision stands; `onTrouble.report: closed` refuses what leaves no trace.",
  },
  "hook-failed": {
    severity: "undecided",
    trouble: "hook",
    title: "The hook failed",
    message: "The hook failed: {problem}",
    remedy: "Run `premigrate doctor`, and report it to premigrate's authors.",
    about: "An error that nobody foresaw; nothing was decided.",
  },
} as const satisfies Readonly<Record<string, OwnCodePage>>;

/** A finding of the hook's. */
export const hookFinding: OwnFinding<keyof typeof HOOK_CODES> = findingsOf(HOOK_CODES);

/** All codes of premigrate's own. */
export const OWN: CodeOwner<OwnCodePage> = {
  policy: { id: ENGINE_ID, codes: { ...ENGINE_CODES, ...PLUGIN_CODES, ...HOOK_CODES } },
};
