/**
 * A member of a cluster over its epochs: it runs one {@linkcode ReplicaNode} at a time, that of the present epoch
 * (`docs/membership.md`).
 *
 * | from | to | when |
 * | --- | --- | --- |
 * | running in e | running in e + 1 | the replica has closed the epoch, or somebody shows the link |
 * | running in e | outside | likewise, and this key is no member of e + 1 |
 * | outside | running | the chain leads to an epoch of which this key is a member |
 *
 * A link proves itself, so anybody may show it: a replica that hears of nobody asks the members that it knows, and
 * follows over any number of epochs. Outside it serves the chain, and the state to new members, until nobody needs it.
 * @module
 */
import type { ClosedEpoch } from "../../core/io.ts";
import { MachineVersions } from "../../core/epochs/versions.ts";
import { clusterId } from "../../crypto/mod.ts";
import { type Entered, type Epoch, firstEpoch, followChain } from "../../wire/epochs/mod.ts";
import { parseClusterFile } from "../../wire/mod.ts";
import { deferred } from "../async/deferred.ts";
import { Delays } from "../async/delays.ts";
import { ReplicaNode } from "../node.ts";
import { CRYPTOGRAPHY, type NodeInternals, type NodeOptions } from "../options.ts";
import { type ClusterMemberOptions, nodeOptionsIn } from "./member_options.ts";
import type { HostEvent } from "../host_event.ts";
import type { Store } from "../ports.ts";
import { enterEpoch, linkIn, storedEpochs, storedLinks, whileStoreMoves } from "./chain_store.ts";
import { chainCrypto } from "./cryptography.ts";
import { Others } from "./others.ts";
import { enteredEvent, leftIn, placeIn, startIn } from "./place.ts";
import type { ChangeLog } from "../watching/change_log.ts";
import { StateServer } from "./state_server.ts";

/** How long the last messages of an epoch may take to be sent, ms. A member that misses them asks for the link. */
const FLUSH_MS = 100;
/** Until an epoch is entered again after a failure, ms. */
const RETRY_MS = 1_000;

/** A member of a cluster over its epochs. */
export class ClusterMember {
  readonly #options: ClusterMemberOptions;
  readonly #internals: NodeInternals;
  readonly #store: Store;
  readonly #cryptography: NonNullable<NodeOptions["crypto"]>;
  readonly #publicKey: string;
  readonly #versions: MachineVersions;
  readonly #states: StateServer;
  readonly #others: Others;
  #epochs: readonly Epoch[];
  #links: readonly Uint8Array[] = [];
  #node: ReplicaNode | null = null;
  /** What the last node has recorded. Those who watch go on with the next one. */
  #changes: ChangeLog | undefined;
  /** Resolves when the present node has been replaced, or this member is closed. */
  #replaced = deferred<void>();
  #moving: Promise<void> | null = null;
  #isClosed = false;
  /** Whether the store is this member's, and says what it lacks. */
  #hasEntered = false;
  readonly #delays: Delays;

  private constructor(options: ClusterMemberOptions, internals: NodeInternals) {
    const { genesis, urls } = parseClusterFile(options.cluster);
    this.#options = options;
    this.#delays = new Delays(options.timer);
    this.#internals = internals;
    this.#cryptography = options.crypto ?? CRYPTOGRAPHY;
    this.#store = options.store;
    this.#versions = MachineVersions.of(options.stateMachine);
    this.#states = new StateServer({ ...options, cryptography: this.#cryptography });
    const cluster = clusterId(genesis);
    this.#epochs = [firstEpoch({ genesis, urls }, cluster)];
    this.#publicKey = this.#cryptography.createSigner(options.privateKey, cluster).publicKey;
    const shared = { publicKey: this.#publicKey, cryptography: chainCrypto(this.#cryptography), delays: this.#delays };
    this.#others = new Others(options, { ...shared, self: this });
  }

  /**
   * Opens a member from its store, in the last epoch that the store or `chain` knows.
   * @throws what {@linkcode ReplicaNode.open} throws; {@linkcode LinkError} if `chain` does not follow from the genesis.
   */
  static open(options: ClusterMemberOptions): Promise<ClusterMember> {
    return ClusterMember.openWith(options, {});
  }

  /** As {@linkcode ClusterMember.open}, with some parts replaced, for tests. @internal */
  static async openWith(options: ClusterMemberOptions, internals: NodeInternals): Promise<ClusterMember> {
    const member = new ClusterMember(options, internals);
    await whileStoreMoves(async () => {
      const stored = await storedLinks(member.#store, member.#cryptography.hash, member.#publicKey);
      member.#epochs = await storedEpochs(member.#epochs[0]!, stored, chainCrypto(member.#cryptography));
      member.#links = stored;
      await member.#enter((options.chain ?? []).slice(stored.length));
    });
    member.#others.start();
    return member;
  }

  /** Called on every event of a host that may sleep: looks whether the others are in another epoch. */
  poke(): Promise<void> {
    return this.#others.look(this.#options.timer.monotonic());
  }

  /** Somebody says that there is a later epoch: the others are asked for it, within a bound. */
  hear(): void {
    this.#others.hear();
  }

  /** The replica of the present epoch; `null` if this key is no member of it. */
  get node(): ReplicaNode | null {
    return this.#node;
  }

  /** The last epoch that this member knows. */
  get epoch(): Epoch {
    return this.#epochs.at(-1)!;
  }

  /** The version of the state machine that is in force, if this member has not got it; otherwise `null`. */
  get lacksVersion(): string | null {
    const { stateMachine } = this.epoch.genesis;
    return placeIn(this.epoch, this.#publicKey) === null || this.#versions.has(stateMachine) ? null : stateMachine;
  }

  /** All epochs from 0 on. */
  get epochs(): readonly Epoch[] {
    return this.#epochs;
  }

  /** Whether this key was a member of an earlier epoch, and is none any more. */
  get wasMember(): boolean {
    return leftIn(this.#epochs, this.#publicKey) !== null;
  }

  /** The encoded links after this epoch. */
  linksAfter(epoch: number): readonly Uint8Array[] {
    return this.#links.slice(epoch);
  }

  /** The node that has taken the place of this one; `null` if this member has left the cluster or is closed. */
  async nodeAfter(node: ReplicaNode): Promise<ReplicaNode | null> {
    while (this.#node === node && !this.#isClosed) await this.#replaced.promise;
    await this.#moving?.catch(() => {});
    return this.#isClosed ? null : this.#node;
  }

  /** Whether the present epoch is over, and this member is entering the next one. */
  get isMoving(): boolean {
    return this.#moving !== null;
  }

  /** The frames of the last stable checkpoint's certificate of the present epoch; none before its first one. */
  stable(): readonly Uint8Array[] {
    return this.#node?.stableCertificate() ?? [];
  }

  /** What this member has signed about the state at which the present epoch starts; `null` if it lacks the state. */
  entered(): Entered | null {
    return this.#node?.epochStart.entered() ?? null;
  }

  /**
   * Answers a member of an epoch that fetches its state: with blobs, possibly none. `null` if the fetch is not
   * signed by a member of that epoch who is a member still, or if it asks too much.
   */
  answerFetch(epoch: number, frame: Uint8Array): Promise<readonly Uint8Array[]> | null {
    const asked = this.#epochs[epoch];
    return asked && epoch > 0 ? this.#states.answer(asked, frame, this.epoch) : null;
  }

  /**
   * Follows links after this epoch that somebody shows. Returns whether they lead further. Links that prove nothing
   * change nothing.
   */
  async follow(links: readonly Uint8Array[], after: number = this.epoch.number): Promise<boolean> {
    if (links.length === 0 || this.#isClosed) return false;
    try {
      const before = this.epoch.number;
      await this.#move(async () => {
        const further = links.slice(this.epoch.number - after);
        if (further.length > 0 && !this.#isClosed) await this.#enter(further);
      });
      return this.epoch.number > before;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Stops the replica and closes the store. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#delays.stop();
    this.#replaced.resolve();
    await this.#moving?.catch(() => {});
    await this.#node?.close();
    await this.#options.store.close();
  }

  /** One move at a time. */
  async #move(what: () => Promise<void>): Promise<void> {
    while (this.#moving) await this.#moving.catch(() => {});
    this.#moving = what().finally(() => this.#moving = null);
    await this.#moving;
  }

  /** Enters the epoch to which these links lead from the present one, and starts its replica. */
  async #enter(links: readonly Uint8Array[]): Promise<void> {
    const from = this.epoch;
    const reached = await followChain(from, links, chainCrypto(this.#cryptography));
    const to = reached.at(-1)!;
    if (to !== from) {
      await this.#stopNode();
      const all = [...this.#links.slice(0, from.number), ...links];
      const { hash } = this.#cryptography;
      const start = await startIn(this.#store, to, { ...this.#options, publicKey: this.#publicKey });
      if (start !== null) {
        const member = placeIn(to, this.#publicKey);
        await enterEpoch(this.#store, { links: all, epochs: reached, member, hash, start });
        this.#hasEntered = true;
      }
      this.#links = all;
      this.#epochs = [...this.#epochs, ...reached.slice(1)];
      this.#others.tell(from, to);
    }
    if (this.#isClosed || (this.#node && to === from)) return;
    await this.#startNode();
  }

  async #startNode(): Promise<void> {
    const { epoch } = this;
    const member = placeIn(epoch, this.#publicKey);
    const { lacksVersion: version } = this;
    if (version !== null) {
      // In epoch 0 it is most likely the wrong program. Nothing was written yet.
      if (epoch.number === 0 && !this.#options.chain) this.#versions.create(version);
      this.#tell({ kind: "version-lacking", version, has: this.#versions.names });
    } else if (member) {
      this.#node = await ReplicaNode.openWith({
        ...nodeOptionsIn({ epoch, links: this.#links }, member, this.#options),
        // The commit that entered the epoch has noted what kind of start this is.
        ...(this.#hasEntered && { start: "resume" }),
      }, {
        ...this.#internals,
        formerChanges: this.#changes,
        onClosed: (closed) => this.#onClosed(closed),
        onOtherEpoch: () => void this.#move(() => this.#followStore()).catch((error) => this.#failed(error)),
      });
      this.#hasEntered = true;
      this.#changes = this.#node.changes;
    }
    const replaced = this.#replaced;
    this.#replaced = deferred<void>();
    replaced.resolve();
    this.#options.onEpoch?.({ epoch, node: this.#node });
    this.#tell(enteredEvent(epoch, this.#node !== null));
    this.#others.entered();
  }

  /** Starts the replica of the last epoch that the store knows: another instance of this member may have entered it. */
  async #followStore(): Promise<void> {
    const { hash } = this.#cryptography;
    await this.#enter((await storedLinks(this.#store, hash, this.#publicKey)).slice(this.epoch.number));
  }

  async #stopNode(): Promise<void> {
    const { node } = this;
    this.#node = null;
    await node?.close();
  }

  /** The replica has closed its epoch: makes the link and enters the next one. */
  #onClosed({ certificate }: ClosedEpoch): void {
    const { node, epoch: { number } } = this;
    const moving = this.#move(async () => {
      if (this.#isClosed || this.epoch.number !== number) return;
      const link = await linkIn(this.#store, certificate, this.#cryptography.hash);
      await Promise.race([node?.sent(), this.#delays.pass(FLUSH_MS)]);
      await this.#enter([link]);
    });
    moving.catch((error) => {
      this.#failed(error);
      const again = () => this.epoch.number === number && this.#onClosed({ epoch: number + 1, certificate });
      this.#delays.after(RETRY_MS, again);
    });
  }

  #tell(event: HostEvent): void {
    for (const observer of this.#options.observers ?? []) observer.onHostEvent?.(event);
  }

  #failed(error: unknown): void {
    this.#tell({ kind: "epoch-failed", reason: error instanceof Error ? error.message : String(error) });
    // Without a node nothing else would try again.
    if (this.#node || !placeIn(this.epoch, this.#publicKey) || this.lacksVersion !== null) return;
    const again = () => this.#node ?? this.#move(() => this.#followStore()).catch((why) => this.#failed(why));
    this.#delays.after(RETRY_MS, again);
  }
}
