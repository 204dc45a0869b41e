import type { CodeOwner, Decision, DetailedAnswer, Severity } from "../../policy/mod.ts";
import { worstOf } from "../../policy/engine.ts";
import type { ReportedFinding } from "../findings.ts";
import { reportChoices } from "../choices.ts";
import { shadowsOf } from "../config_shadows.ts";
import { type ComparedFact, deviceFacts, hostFacts } from "../device_facts.ts";
import { evidenceOf } from "../evidence.ts";
import { type DeviceFindings, findingsByDevice } from "../device_findings.ts";
import { titleOf } from "../title.ts";
import { type Written, writtenText } from "../written.ts";
import { addressText, DECISIONS, notLookedAtText, notRunText } from "../labels.ts";
import { configMap } from "./config_map.ts";
import keys from "./keys.js" with { type: "text" };
import { Markup, markup } from "./markup.ts";
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
  const titles = answers.map(titleOf).join(", ");
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
<header><h1 class="${worst}">${DECISIONS[worst]}</h1>
<p class="quiet">${writtenText(written)}</p></header>
${several ? contents(answers) : undefined}
<main>${answers.map((answer, index) => article(answer, index, several))}</main>
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

function article(answer: DetailedAnswer, index: number, several: boolean): Markup {
  const { verdict, assumptions, policies, migration, choices = [] } = answer;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  return markup`
<article id="migration${index}" aria-labelledby="title${index}">
<h2 id="title${index}">${titleOf(answer)}</h2>
${
    several
      ? markup`<p class="decision ${verdict.decision}">${DECISIONS[verdict.decision]}</p>`
      : undefined
  }
${list("Assumed", assumptions)}
${notLookedAt === undefined ? undefined : markup`<p>${notLookedAt}</p>`}
${factsTable("Hosts", hostFacts(migration))}
<p>Machine type: ${migration.machine?.name ?? "not known"}</p>
${
    general.length === 0 ? undefined : markup`
<section><h3>The whole migration</h3>
${general.map((finding) => findingPart(finding, policies))}
</section>`
  }
${devices.map((device) => devicePart(device, answer))}
${
    reportChoices(choices).map(({ device, chosen, candidates }) => [
      markup`<p>Chosen for ${device}: ${chosen ?? "none"}</p>`,
      list("Looked at", candidates.map(({ address, decision }) => `${address} ${decision}`)),
    ])
  }
<p>Policies applied: ${applied.join(", ") || "none"}</p>
${list("Policies not run", verdict.notRun.map(notRunText))}
</article>`;
}

function devicePart(
  { name, device, findings }: DeviceFindings,
  { pairs, migration, policies }: DetailedAnswer,
): Markup {
  const pair = pairs.find((pair) => pair.name === name);
  const shadows = pair && shadowsOf(pair, migration);
  return markup`
<section><h3>${name}</h3>
${device && markup`<p>${addressText(device)}</p>`}
${findings.map((finding) => findingPart(finding, policies))}
${pair && factsTable(`${name}, side by side`, deviceFacts(pair))}
${shadows && configMap(name, shadows)}
</section>`;
}

function findingPart(finding: ReportedFinding, policies: readonly CodeOwner[]): Markup {
  const { severity, policy, code, title, message, remedy } = finding;
  return markup`
<section class="finding ${severity}"><h4>${badge(severity)} ${title}</h4>
<p class="code">${policy} ${code}</p>
<p>${message}</p>
<dl>${
    evidenceOf(finding, policies).map(({ name, value }) =>
      markup`<div><dt>${name}</dt><dd>${value}</dd></div>`
    )
  }</dl>
<p><strong>What to do:</strong> ${remedy}</p></section>`;
}

function badge(word: Decision | Severity): Markup {
  return markup`<span class="badge ${word}">${word}</span>`;
}

function list(title: string, items: readonly string[]): Markup | undefined {
  return items.length === 0
    ? undefined
    : markup`<p>${title}:</p><ul>${items.map((item) => markup`<li>${item}</li>`)}</ul>`;
}

function factsTable(caption: string, facts: readonly ComparedFact[]): Markup {
  return markup`<table class="facts"><caption>${caption}</caption>
<thead><tr><th scope="col"><span class="unseen">fact</span></th><th scope="col">source</th><th scope="col">destination</th></tr></thead>
<tbody>${
    facts.map(({ name, source, destination }) =>
      markup`<tr><th scope="row">${name}</th><td>${source}</td><td>${destination}${
        source === destination ? undefined : markup` <span class="differs">differs</span>`
      }</td></tr>\n`
    )
  }</tbody></table>`;
}
