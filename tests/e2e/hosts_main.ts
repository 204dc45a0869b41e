/**
 * Starts the hosts for use by hand, prints the command that enters each, and holds them until it is
 * ended.
 *
 *     deno run --allow-read --allow-run --allow-write --allow-env tests/e2e/hosts_main.ts
 */
import { MACHINES, startHosts } from "./hosts.ts";

const hosts = await startHosts();
const lines = MACHINES.map((machine) => `${machine}: ${hosts.enter(machine).join(" ")}\n`);
await Deno.stdout.write(new TextEncoder().encode(lines.join("")));
