/**
 * Which snapshot is meant, and whom the caller trusts.
 * @module
 */
import type { Trust } from "../../snapshot/trust.ts";
import { findCluster } from "../find_cluster.ts";
import { KeptChain } from "../members/kept_chain.ts";
import { natural } from "../numbers.ts";

/** The flags that say whom the caller trusts. */
export interface TrustFlags {
  readonly cluster?: string | undefined;
  readonly chain?: string | undefined;
}

/** The snapshot of a number, if one is named. */
export function chosen(sequence: string | undefined): { readonly sequence?: number } {
  return sequence === undefined ? {} : { sequence: natural("--sequence", sequence, { max: 2 ** 53 - 1 }) };
}

/** The genesis, and the chain as far as it is known here. Nobody is asked. */
export async function trusted({ cluster, chain }: TrustFlags): Promise<Required<Trust>> {
  const found = await findCluster(cluster);
  const { links } = await KeptChain.openKnown(found, chain);
  return { genesis: found.cluster.genesis, chain: links };
}
