import { type CaseSide, type Policy, runCase, type Verdict } from "../policy/mod.ts";
import type { SiteCase } from "./file.ts";

/** Lets a policy, and no other, judge a case of its file. */
export function runSiteCase(policy: Policy, given: SiteCase): Verdict {
  const { source, destination } = given;
  return runCase(policy, { ...given, source: sideOf(source), destination: sideOf(destination) });
}

/** What a case found, as its `expect` says it. */
export function outcomeOf({ findings }: Verdict): SiteCase["expect"] {
  return findings[0]?.severity ?? "allow";
}

function sideOf(given: SiteCase["source"]): CaseSide {
  const { driver, driverVersion, mdevType, mdevName, firmware, psid, ...others } = given;
  const { vgpuParams, qatServices, attributes = {}, ...side } = others;
  const isMdev = mdevType !== undefined || mdevName !== undefined;
  return {
    ...side,
    host: side.host ?? "",
    ...isMdev && {
      address: "00000000-0000-0000-0000-000000000000",
      mdevType: { id: mdevType ?? "", name: mdevName },
    },
    vendor: numberOf(side.vendor),
    device: numberOf(side.device),
    class: numberOf(side.class),
    driver: driver === undefined && driverVersion === undefined
      ? undefined
      : { name: driver ?? "", version: driverVersion },
    firmware: { version: firmware, psid },
    vgpuType: numberOf(side.vgpuType),
    attributes: {
      ...Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, value === "" ? null : value]),
      ),
      ...vgpuParams !== undefined && { "nvidia/vgpu_params": vgpuParams },
      ...qatServices !== undefined && { "parent/qat/cfg_services": qatServices.join(";") },
    },
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
