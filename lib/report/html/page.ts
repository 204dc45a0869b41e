import type { CodeOwner, Decision, DetailedAnswer, Severity } from "../../policy/mod.ts";
import { worstOf } from "../../policy/engine.ts";
import type { ReportedFinding } from "../findings.ts";
import { causesOf, headlineOf } from "../causes.ts";
import { reportChoices } from "../choices.ts";
import { shadowsOf } from "../config_shadows.ts";
import { type ComparedFact, deviceFacts, hostFacts, NOT_KNOWN } from "../device_facts.ts";
import { valuesOf } from "../evidence.ts";
import { type DeviceFindings, findingsByDevice } from "../device_findings.ts";
import { titleOf } from "../title.ts";
import { type Written, writtenText } from "../written.ts";
import { addressText, DECISIONS, notLookedAtText, notRunText } from "../labels.ts";
import { splitQemuLines } from "../printable.ts";
import { configMap, LEGEND } from "./config_map.ts";
import keys from "./keys.js" with { type: "text" };
import { type Content, Markup, markup } from "./markup.ts";
import { type Hosts, sideHeads } from "./side_heads.ts";
import style from "./style.css" with { type: "text" };

/** The digest of keys.js: the page runs no other script, whatever is in it. */
const KEYS_DIGEST = "sha256-6OvWJjrCzS1jC5G33zdHmNlCiJrheqUtyz7jzDALepA=";

const POLICY =
  `default-src 'none'; style-src 'unsafe-inline'; script-src '${KEYS_DIGEST}'; base-uri 'none'; form-action 'none'`;

/**
 * Verdicts as one HTML page, headed by the worst decision, that needs no network and no other file.
 *
 * @example
 * ```ts
 * import { reportHtml } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const migration = { source: { name: "a" }, destination: { name: "<b>" }, bytesOnly: false };
 * const text = reportHtml([
 *   { verdict, devices: [], assumptions: [], policies: [], pairs: [], migration },
 * ]);
 * assertStringIncludes(text, "a -&#62; &#60;b&#62;");
 * ```
 */
export function reportHtml(answers: readonly DetailedAnswer[], written: Written = {}): string {
  const worst = worstOf(answers);
  const several = answers.length > 1;
  const [first] = answers;
  const titles = answers.map(titleOf).join(", ");
  const articles = answers.map((answer, index) => article(answer, index, several, written));
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>${worst}: ${titles} - premigrate</title>
<style>${new Markup(style)}</style>
</head>
<body>
<header><h1 class="${worst}">${
    several || first === undefined ? DECISIONS[worst] : headlineOf(first)
  }</h1>
<p class="quiet">${writtenText(written)}</p></header>
${several ? contents(answers) : undefined}
<main>${articles}
${articles.some(({ text }) => text.includes('href="#legend"')) ? LEGEND : undefined}</main>
<script>${new Markup(keys)}</script>
</body>
</html>
`.text;
}

function contents(answers: readonly DetailedAnswer[]): Markup {
  return markup`<nav aria-label="Migrations"><ul>${
    answers.map((answer, index) =>
      markup`<li><a href="#migration${index}">${titleOf(answer)}</a> ${
        badge(answer.verdict.decision)
      }</li>`
    )
  }</ul></nav>`;
}

function article(
  answer: DetailedAnswer,
  index: number,
  several: boolean,
  { time }: Written,
): Markup {
  const { verdict, assumptions, policies, migration, choices = [] } = answer;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  const hosts = { source: migration.source.name, destination: migration.destination.name };
  const idOf = (at: number): string => `migration${index}-device${at}`;
  const told: Told = new Map();
  return markup`
<article id="migration${index}" aria-labelledby="title${index}">
<h2 id="title${index}">${titleOf(answer)}</h2>
${several ? markup`<p class="decision ${verdict.decision}">${headlineOf(answer)}</p>` : undefined}
<p>Machine type: ${factText(migration.machine?.name ?? NOT_KNOWN)}</p>
${list("Assumed", assumptions)}
${notLookedAt === undefined ? undefined : markup`<p>${notLookedAt}</p>`}
${devices.length > 1 ? deviceIndex(devices, idOf, titleOf(answer)) : undefined}
${
    general.length === 0 ? undefined : markup`
<section><h3>The whole migration</h3>
${findingParts(general, policies, told, { name: "", id: `migration${index}` })}
</section>`
  }
${
    devices.map(({ name, device, findings }, at) => {
      const pair = answer.pairs.find((pair) => pair.name === name);
      const shadows = pair && shadowsOf(pair, migration);
      const address = device && addressText(device);
      return markup`
<section id="${idOf(at)}"><h3>${name}</h3>
${address === undefined || address === name ? undefined : markup`<p>${address}</p>`}
${findingParts(findings, policies, told, { name, id: idOf(at) })}
${pair && factsTable(`${name}, side by side`, deviceFacts(pair, time), hosts)}
${shadows && configMap(name, shadows, hosts)}
</section>`;
    })
  }
${
    reportChoices(choices).map(({ device, chosen, candidates }) => [
      markup`<p>Chosen for ${device}: ${chosen ?? "none"}</p>`,
      list("Looked at", candidates.map(({ address, decision }) => `${address} ${decision}`)),
    ])
  }
<section><h3>Hosts and policies</h3>
${factsTable("Hosts", hostFacts(migration, time), hosts)}
<p>Policies applied: ${applied.join(", ") || "none"}</p>
${list("Policies not run", verdict.notRun.map(notRunText))}
</section>
</article>`;
}

/** The devices, each with what weighs most of it. */
function deviceIndex(
  devices: readonly DeviceFindings[],
  idOf: (at: number) => string,
  title: string,
): Markup {
  return markup`<nav aria-label="Devices of ${title}"><ul>${
    devices.map(({ name, findings: [worst] }, at) =>
      markup`<li><a href="#${idOf(at)}">${name}</a> ${
        worst && badge(worst.severity)
      } ${worst?.title}</li>`
    )
  }</ul></nav>`;
}

/** Texts that stand in the page already, and with which device. */
type Told = Map<string, { readonly name: string; readonly id: string }>;

/** The findings; what another device has in the same words leads there. */
function findingParts(
  findings: readonly ReportedFinding[],
  policies: readonly CodeOwner[],
  told: Told,
  device: { readonly name: string; readonly id: string },
): Markup[] {
  const again = (key: string): Markup | undefined => {
    const first = told.get(key);
    if (first === undefined) told.set(key, device);
    if (first === undefined) return undefined;
    if (first.name === device.name) return markup`as above`;
    return markup`as for <a href="#${first.id}">${first.name || "the whole migration"}</a>`;
  };
  return causesOf(findings).map((cause) => {
    const { finding, evidence } = cause;
    const { severity, policy, code, title, message, remedy } = finding;
    const [own, ...others] = valuesOf(cause, policies).map((values) =>
      values.length === 0
        ? undefined
        : markup`<dl>${
          values.map(({ label, value }) => markup`<div><dt>${label}</dt><dd>${value}</dd></div>`)
        }</dl>`
    );
    const whole = again(
      JSON.stringify([finding, ...evidence].map((found) => ({ ...found, device: "" }))),
    );
    if (whole !== undefined) {
      return markup`
<section class="finding ${severity}"><h4>${badge(severity)} ${title}, ${whole}</h4></section>`;
    }
    return markup`
<section class="finding ${severity}"><h4>${badge(severity)} ${title}</h4>
<p>${messageText(message)}</p>
<p><strong>What to do:</strong> ${again(remedy) ?? remedy}</p>
${own}
<p class="code">${policy} ${code}</p>${
      evidence.map((found, at) =>
        markup`
<p>${messageText(found.message)}</p>
${others[at]}
<p class="code">${found.policy} ${found.code}</p>`
      )
    }</section>`;
  });
}

/** A line of QEMU's stands out. */
function messageText(message: string): Content {
  return splitQemuLines(message).map((part, at) =>
    at % 2 === 1 ? markup`<code>${part}</code>` : part
  );
}

function badge(word: Decision | Severity): Markup {
  return markup`<span class="badge ${word}">${word}</span>`;
}

function list(title: string, items: readonly string[]): Markup | undefined {
  return items.length === 0
    ? undefined
    : markup`<p>${title}:</p><ul>${items.map((item) => markup`<li>${item}</li>`)}</ul>`;
}

function factsTable(caption: string, facts: readonly ComparedFact[], hosts: Hosts): Markup {
  return markup`<table class="facts"><caption>${caption}</caption>
<thead><tr><th scope="col"><span class="unseen">fact</span></th>${sideHeads(hosts)}</tr></thead>
<tbody>${
    facts.map(({ name, source, destination, differs }) =>
      markup`<tr><th scope="row">${name}</th><td>${factText(source)}</td><td>${
        factText(destination)
      }${differs ? markup` <span class="differs">differs</span>` : undefined}</td></tr>\n`
    )
  }</tbody></table>`;
}

/** What is not known is seen at once. */
function factText(text: string): Markup | string {
  return text === NOT_KNOWN ? markup`<span class="not-known">${text}</span>` : text;
}
