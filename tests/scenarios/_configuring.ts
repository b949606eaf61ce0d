/** Real configurations for scenarios: encoded, approved with keys, and checked as a node checks them. */
import type { Genesis, Limits } from "../../src/core/config.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { quorum } from "../../src/core/messages/quorum.ts";
import { configurePort, termsOf } from "../../src/node/epochs/cryptography.ts";
import { StandInCryptography } from "../../src/testing/world/cryptography.ts";
import {
  approvalContext,
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
} from "../../src/wire/epochs/mod.ts";
import { encodeConfigure, type Epoch, firstEpoch } from "../../src/wire/epochs/mod.ts";
import { encodeGenesis, fromHex, fromUtf8 } from "../../src/wire/mod.ts";
import { type Epoch as CoreEpoch, type EpochRules, pendingIn } from "../core/_epochs.ts";
import type { Disk } from "../core/_disk.ts";

/** The epochs of one scenario, and the keys of its hosts. */
export class Configuring {
  readonly #crypto = new StandInCryptography();
  /** How often each host has had a new key. */
  readonly #generations = new Map<number, number>();
  readonly #epochs: Epoch[] = [];

  publicKeyOf(id: number): string {
    return this.#keyPair(id, this.#generations.get(id) ?? 0).publicKey;
  }

  rulesFrom(genesis: Genesis): EpochRules {
    const urls = Object.fromEntries(genesis.replicas.map(({ name }) => [name, urlOf(name)]));
    this.#epochs.push(firstEpoch({ genesis, urls }, this.#crypto.hash(encodeGenesis(genesis))));
    return {
      portOf: ({ terms }) => configurePort(this.#epochs[terms.start?.epoch ?? 0]!, this.#crypto),
      after: (epoch, disk) => this.#after(epoch, disk),
    };
  }

  /** The operation that these words ask for, as text. */
  operation(words: readonly string[], epoch: number): string {
    const present = this.#epochs[epoch]!;
    const settings = Object.fromEntries(words.filter((word) => word.includes("=")).map((word) => word.split("=")));
    const lists = listsIn(words);
    for (const id of lists.rotate ?? []) this.#generations.set(id, (this.#generations.get(id) ?? 0) + 1);
    const { replicas, checkpointInterval, logWindow, stateMachine, limits } = present.genesis;
    const members = lists.members ?? replicas.map(({ name }) => idOf(name));
    const K = Number(settings.k ?? checkpointInterval);
    const genesis: Genesis = {
      ...present.genesis,
      replicas: members.map((id) => ({ name: `r${id}`, publicKey: this.publicKeyOf(id) })),
      checkpointInterval: K,
      logWindow: Number(settings.l ?? (settings.k ? 2 * K : logWindow)),
      stateMachine: settings.machine ?? stateMachine,
      limits: { ...limits, ...(settings.batch && { maxBatchRequests: Number(settings.batch) }) } as Limits,
    };
    const number = Number(settings.epoch ?? present.number + 1);
    const configuration: Configuration = {
      cluster: present.cluster,
      epoch: number,
      previous: number === present.number + 1 ? present.context : this.#epochs[number - 1]?.context ?? present.context,
      genesis,
      urls: Object.fromEntries(genesis.replicas.map(({ name }) => [name, urlOf(name)])),
    };
    const by = lists.by ?? replicas.slice(0, quorum(replicas.length)).map(({ name }) => idOf(name));
    return fromUtf8(this.#approved(present, configuration, by));
  }

  /** Members sign with their keys of the present epoch; anybody else with the key that it has. */
  #approved(present: Epoch, configuration: Configuration, by: readonly number[]): Uint8Array {
    const bytes = encodeConfiguration(configuration);
    const { context, kind } = approvalContext(present);
    const approvals = by.map((id) => {
      const member = present.genesis.replicas.findIndex(({ name }) => name === `r${id}`);
      const signer = this.#crypto.createSigner(this.#keyIn(present, id), context, present.number + 1);
      return { member: member < 0 ? id : member, signature: signer.sign(kind, fromHex(this.#crypto.hash(bytes))) };
    });
    return encodeConfigure({ configuration: bytes, approvals });
  }

  #keyIn({ genesis }: Epoch, id: number): string {
    const published = genesis.replicas.find(({ name }) => name === `r${id}`)?.publicKey ?? this.publicKeyOf(id);
    for (let generation = 0;; generation++) {
      const { publicKey, privateKey } = this.#keyPair(id, generation);
      if (publicKey === published) return privateKey;
    }
  }

  #keyPair(id: number, generation: number) {
    return this.#crypto.keyPair(`r${id}${generation > 0 ? `, ${generation}` : ""}`);
  }

  #after(epoch: CoreEpoch, disk: Disk): CoreEpoch {
    const { cluster, number } = this.#epochs[epoch.terms.start?.epoch ?? 0]!;
    const { sequence, root } = disk.checkpoint!;
    const { configuration, hasFailed } = pendingIn(disk);
    const { genesis: approved, urls } = decodeConfiguration(configuration);
    // If the migration has failed, the former version stays in force.
    const genesis = hasFailed ? { ...approved, stateMachine: epoch.terms.stateMachine } : approved;
    const context = this.#crypto.hash(configuration);
    const next: Epoch = { cluster, number: number + 1, context, genesis, urls, start: { sequence, root } };
    this.#epochs[next.number] = next;
    return { terms: termsOf(next), members: genesis.replicas.map(({ name }) => idOf(name)) };
  }
}

/** The numbers after each word. */
function listsIn(words: readonly string[]): Record<string, ReplicaId[]> {
  const lists: Record<string, ReplicaId[]> = {};
  let list: ReplicaId[] = [];
  for (const word of words) {
    if (word.includes("=")) continue;
    if (/^[0-9]+$/.test(word)) list.push(Number(word) as ReplicaId);
    else list = lists[word] = [];
  }
  return lists;
}

function idOf(name: string): number {
  return Number(name.slice(1));
}

function urlOf(name: string): string {
  return `http://${name}.example`;
}
