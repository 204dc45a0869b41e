import { PremigrateError } from "../error/mod.ts";
import type { Finding } from "./finding.ts";
import type { ConfiguredPolicy, Policy } from "./policy.ts";

/** A policy in a registry, its options set. */
export interface RegisteredPolicy extends ConfiguredPolicy {
  /** The policy. */
  readonly policy: Policy;
  /** Its codes of which the site makes warnings. */
  readonly warnings: ReadonlySet<string>;
}

/**
 * The policies that are applied. Their order of registration changes nothing: they are run and
 * listed by id.
 *
 * @example
 * ```ts
 * import { Registry } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Registry.from([]).policies, []);
 * ```
 */
export class Registry {
  readonly #policies = new Map<string, RegisteredPolicy>();
  readonly #findings: Finding[] = [];
  #sorted: readonly RegisteredPolicy[] | undefined;

  /**
   * A registry of policies with their default options.
   *
   * @throws {PremigrateError} When two of them have one id.
   */
  static from(policies: Iterable<Policy>): Registry {
    const registry = new Registry();
    for (const policy of policies) registry.use(policy);
    return registry;
  }

  /**
   * Adds a policy, with a site's options for it.
   *
   * @param warnings Codes of which the site makes warnings: such a finding decides nothing.
   * @throws {PremigrateError} When there is one of that id already.
   * @throws {PremigrateError} When the options do not fit the policy's schema, or a code is none of
   * its own.
   */
  use(policy: Policy, options: unknown = {}, warnings: Iterable<string> = []): this {
    if (this.#policies.has(policy.id)) {
      const doing = `Cannot register policy ${policy.id}`;
      throw new PremigrateError("duplicate-policy", doing, "another policy has that id");
    }
    const codes = new Set(warnings);
    const stranger = [...codes].find((code) => !Object.hasOwn(policy.codes, code));
    if (stranger !== undefined) {
      const doing = `Cannot set the options of policy ${policy.id}`;
      const problem = `it has no code ${JSON.stringify(stranger)}`;
      throw new PremigrateError("policy-options", doing, problem);
    }
    this.#policies.set(policy.id, { policy, ...policy.configure(options), warnings: codes });
    this.#sorted = undefined;
    return this;
  }

  /** Adds what kept a policy out of the registry: it is a finding of every verdict. */
  note(finding: Finding): this {
    this.#findings.push(finding);
    return this;
  }

  /** What kept policies out. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** The policies, sorted by id. */
  get policies(): readonly RegisteredPolicy[] {
    return this.#sorted ??= [...this.#policies.values()]
      .sort((a, b) => a.policy.id < b.policy.id ? -1 : 1);
  }
}
