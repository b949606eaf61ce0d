/**
 * Evidence of epochs that are over. A member keeps it when it enters the next epoch: with the chain it convicts its signer
 * for ever, also one who is no member any more.
 *
 * | key | value |
 * | --- | --- |
 * | `closed/E/evidence/…` | evidence of epoch E, as in `evidence/…` |
 *
 * @module
 */
import { type Contradiction, isContradiction } from "../../core/messages/evidence.ts";
import type { Signed } from "../../core/messages/messages.ts";
import type { Statement } from "../../core/messages/evidence.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { decodeFrame, unpack, wireLimits } from "../../wire/mod.ts";
import type { Loaded, Store } from "../ports.ts";
import type { WriteSet } from "../storage/record_writer.ts";

/** A contradiction in an epoch that is over. */
export interface ClosedEvidence extends Contradiction {
  /** The epoch for which both messages were signed. */
  readonly epoch: number;
  /** The name of the accused member in that epoch. */
  readonly name: string;
}

/** The prefix of the keys of evidence of the present epoch. */
export const EVIDENCE = "evidence/";
/** The most that is kept of all closed epochs together. The oldest goes first. */
const MOST = { items: 256, bytes: 5 * 1024 * 1024 };

/** A record with evidence: of which epoch, and where. */
interface Kept {
  readonly epoch: number;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Keeps the evidence of the epoch that ends, and drops the oldest of what does not fit. */
export function keepEvidence(records: Loaded["records"], ending: number, writes: WriteSet): void {
  const now = [...records].filter(([key]) => key.startsWith(EVIDENCE))
    .map(([key, bytes]): Kept => ({ epoch: ending, key: `closed/${ending}/${key}`, bytes }));
  for (const { key, bytes } of now) writes.records.set(key, bytes);
  let [items, size] = [0, 0];
  for (const { key, bytes } of newestFirst([...closedIn(records), ...now])) {
    items++;
    size += bytes.length;
    if (items > MOST.items || size > MOST.bytes) writes.records.set(key, null);
  }
}

/** The evidence of closed epochs in a store. It is read when it is asked for, once in each epoch. */
export class ClosedEvidenceReader {
  readonly #store: Pick<Store, "load">;
  #read: { readonly epochs: readonly Epoch[]; readonly found: Promise<readonly ClosedEvidence[]> } | null = null;

  constructor(store: Pick<Store, "load">) {
    this.#store = store;
  }

  /** That of the epochs before the last of these, the latest first. Rejects if the store can't be read; the next call reads again. */
  async of(epochs: readonly Epoch[]): Promise<readonly ClosedEvidence[]> {
    if (this.#read?.epochs !== epochs) {
      const found = epochs.length < 2
        ? Promise.resolve([])
        : this.#store.load().then(({ records }) => evidenceIn(records, epochs));
      this.#read = { epochs, found };
    }
    const read = this.#read!;
    try {
      return await read.found;
    } catch (error) {
      if (this.#read === read) this.#read = null;
      throw error;
    }
  }
}

/** What is damaged proves nothing, and is left out. */
function evidenceIn(records: Loaded["records"], epochs: readonly Epoch[]): readonly ClosedEvidence[] {
  return newestFirst(closedIn(records)).flatMap(({ epoch, bytes }) => {
    const found = epochs[epoch] && contradictionIn(epochs[epoch], bytes);
    return found ? [found] : [];
  });
}

function contradictionIn({ number, genesis }: Epoch, bytes: Uint8Array): ClosedEvidence | null {
  try {
    const [first, second] = (unpack(bytes) as readonly Uint8Array[])
      .map((frame) => decodeFrame(frame, wireLimits(genesis)).signed as Signed<Statement>);
    const name = genesis.replicas[first!.message.replica]?.name;
    if (name === undefined || !isContradiction(first!, second!)) return null;
    return { epoch: number, name, first: first!, second: second! };
  } catch {
    return null;
  }
}

function closedIn(records: Loaded["records"]): readonly Kept[] {
  return [...records].flatMap(([key, bytes]) => {
    const [, epoch] = /^closed\/(\d+)\/evidence\//.exec(key) ?? [];
    return epoch === undefined ? [] : [{ epoch: Number(epoch), key, bytes }];
  });
}

function newestFirst(kept: readonly Kept[]): readonly Kept[] {
  return kept.toSorted((a, b) => b.epoch - a.epoch || (a.key < b.key ? -1 : 1));
}
