/**
 * What a member asks others over the simulated network.
 * @module
 */
import type { MemberSource } from "../../node/epochs/member_options.ts";
import type { MemberAnswers, Station } from "../world/network.ts";
import type { World } from "../world/world.ts";

/** The source of one host. `onAsk` is called when it asks for links. */
export function sourceOf(station: Station, { network, hosts }: World, onAsk: () => void): MemberSource {
  const ask = <T>(url: string, what: (other: MemberAnswers) => Promise<T>) =>
    network.request(station, hosts.hostAt(url), ({ asMember }) => what(asMember!));
  return {
    links: (url, after) => {
      onAsk();
      return ask(url, (other) => other.links(after));
    },
    blobs: (url, epoch, frame) => ask(url, (other) => other.blobs(epoch, frame)),
    stable: (url) => ask(url, (other) => other.stable()),
    entered: (url) => ask(url, (other) => other.entered()),
  };
}
