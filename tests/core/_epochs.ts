/** Epochs for tests of the core: a `configure` is text, and nobody signs it. */
import type { Genesis, Terms } from "../../src/core/config.ts";
import { CONFIGURATION_CHUNK, pendingOf, type StoredPending } from "../../src/core/epochs/pending.ts";
import type { ConfigurePort } from "../../src/core/io.ts";
import { entriesOf, readChunk, readPage, readRoot } from "../../src/core/tree/state_tree.ts";
import type { Disk } from "./_disk.ts";
import { hash, unpack } from "./_messages.ts";

/** An epoch: its rules, and the hosts of its replicas. */
export interface Epoch {
  readonly terms: Terms;
  readonly members: readonly number[];
}

/** Which operations configure, and where they lead. By default they are text, and nobody signs them. */
export interface EpochRules {
  /** Reads the operations in an epoch. */
  portOf(epoch: Epoch): ConfigurePort;
  /** The epoch after this one, as the state of a store at its end has it. */
  after(epoch: Epoch, disk: Disk): Epoch;
}

interface Told {
  readonly epoch: number;
  readonly members: readonly number[];
  readonly k: number | null;
  readonly version?: string;
}

const text = new TextDecoder();
const utf8 = new TextEncoder();

/** The operation that starts this epoch with these hosts as members. */
export function configureText(epoch: number, members: readonly number[], k?: number, version?: string): string {
  return `configure ${JSON.stringify({ epoch, members, k: k ?? null, version })}`;
}

function toldIn(configuration: Uint8Array): Told {
  return JSON.parse(text.decode(configuration).slice("configure ".length)) as Told;
}

/** Reads such operations. */
function portOf({ start, stateMachine }: Terms): ConfigurePort {
  const present = start?.epoch ?? 0;
  return {
    is: (operation) => text.decode(operation).startsWith("configure "),
    check(operation) {
      const { epoch, version = stateMachine } = toldIn(operation);
      if (epoch !== present + 1) return { refused: `wrong-epoch: expected ${present + 1}, got ${epoch}` };
      const approvals = [[0, utf8.encode("signed")]];
      return { configuration: operation, hash: hash(operation), approvals, stateMachine: version };
    },
    machineOf: (configuration) => toldIn(configuration).version ?? stateMachine,
  };
}

/** The configuration that a store at the end of an epoch has. */
export function pendingIn({ checkpoint, blobs }: Disk): StoredPending {
  const { pages } = readRoot(unpack(blobs.get(checkpoint!.root)!));
  const chunks = pages.flatMap(([, page]) => entriesOf(readPage(unpack(blobs.get(page)!))));
  const digest = chunks.find(([id]) => id === CONFIGURATION_CHUNK)![1];
  return pendingOf(unpack(readChunk(unpack(blobs.get(digest)!))[1]));
}

function after({ terms }: Epoch, disk: Disk): Epoch {
  const { sequence, root } = disk.checkpoint!;
  const pending = pendingIn(disk);
  const { epoch, members, k, version = terms.stateMachine } = toldIn(pending.configuration);
  const K = k ?? terms.checkpointInterval;
  const genesis: Genesis = {
    ...terms,
    checkpointInterval: K,
    stateMachine: pending.hasFailed ? terms.stateMachine : version,
    logWindow: 2 * K,
    replicas: members.map((id) => ({ name: `r${id}`, publicKey: String(id).padStart(64, "0") })),
  };
  return { members, terms: { ...genesis, start: { epoch, sequence, root } } };
}

/** The rules of {@linkcode configureText}. */
export const TEXT_RULES: EpochRules = { portOf: ({ terms }) => portOf(terms), after };
