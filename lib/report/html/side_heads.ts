import { type Markup, markup } from "./markup.ts";

/** The names of both hosts. */
export interface Hosts {
  readonly source: string;
  readonly destination: string;
}

/** The heads of the two columns of a table that has a column for each host. */
export function sideHeads(hosts: Hosts): Markup {
  const head = (side: keyof Hosts): Markup =>
    markup`<th scope="col">${hosts[side]}${
      // Of two dumps the hosts are called by their sides.
      hosts[side] === side ? undefined : markup` <span class="side">${side}</span>`}</th>`;
  return markup`${head("source")}${head("destination")}`;
}
