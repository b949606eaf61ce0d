/**
 * Epochs: the next configuration, the end of an epoch, and the start of the next one (`docs/membership.md`).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const epoch = inFile("src/wire/epochs/epoch.ts");
const operation = inFile("src/wire/epochs/operation.ts");
const configure = inFile("src/core/epochs/configure.ts");
const store = inFile("src/node/epochs/chain_store.ts");
const signatures = inFile("src/node/epochs/cryptography.ts");
const migration = inFile("src/core/epochs/migration.ts");
const link = inFile("src/wire/epochs/link.ts");
const member = inFile("src/node/epochs/cluster_member.ts");
const transfer = inFile("src/core/checkpoints/state_transfer.ts");
const asking = inFile("src/node/epochs/asking.ts");
const departure = inFile("src/node/epochs/departure.ts");
const queries = inFile("src/core/upkeep/queries.ts");

/** What an epoch must not accept, and what it must not leave behind. */
export const EPOCHS: readonly Mutant[] = [
  {
    name: "closes-a-checkpoint-late",
    why: "a configure at a multiple of K closes the epoch there",
    edits: [configure("Math.ceil(sequence / K) * K as", "(Math.floor(sequence / K) + 1) * K as")],
    breaks: ["epochs"],
  },
  {
    name: "approvals-of-one-count-twice",
    why: "fewer members than a quorum change the cluster",
    edits: [epoch("if (seen.has(member)) throw new", "if (seen.has(-1)) throw new")],
    breaks: ["epochs"],
  },
  {
    name: "approvals-one-less",
    why: "two configurations could both be approved, with no correct member in common",
    edits: [epoch("if (checks.length >= needed) return checks;", "if (checks.length >= needed - 1) return checks;")],
    breaks: ["epochs"],
  },
  {
    name: "approvals-not-verified",
    why: "whoever knows the members' numbers changes the cluster",
    edits: [operation("if (!isSigned(check)) throw wrongSignature(check);", "void isSigned(check);")],
    breaks: ["epochs"],
  },
  {
    name: "any-epoch-is-the-next",
    why: "an old configure, or one made too early, takes effect",
    edits: [
      epoch('  same("wrong-epoch", "epoch", epoch.number + 1, next.epoch);\n', ""),
      epoch('  same("wrong-previous", "previous", epoch.context, next.previous);\n', ""),
    ],
    breaks: ["epochs"],
  },
  {
    name: "end-of-epoch-not-filled",
    why: "without further requests the closing checkpoint is never reached",
    edits: [
      configure("epochs.pending !== null && lastProposed < epochs.pending.closesAt;", "false && lastProposed < 0;"),
    ],
    breaks: ["liveness", "epochs"],
  },
  {
    name: "end-of-epoch-not-told",
    why: "no host learns that the epoch is over",
    edits: [configure("  step.closed = { epoch, certificate: stable };\n", "")],
    breaks: ["liveness", "epochs"],
  },
  {
    name: "records-of-the-closed-epoch-stay",
    why: "votes and certificates of a closed epoch count in the next one",
    edits: [store("    writes.records.set(key, null);\n", "")],
    breaks: [
      "no-halt",
      "reload",
      "watermarks",
      "view-changes",
      "authenticity",
      "self-consistency",
      "bounds",
      "certificates",
    ],
  },
  {
    name: "chain-not-kept",
    why: "after a restart nobody knows in which epoch the store is",
    edits: [store("  writes.put(CHAIN, digests);\n", "")],
    breaks: ["no-halt", "epochs", "liveness", "bounds"],
  },
  {
    name: "epoch-starts-at-zero",
    why: "numbers go on over all epochs",
    edits: [
      signatures("return start ? { ...genesis, start: { epoch: number, ...start } } : genesis;", "return genesis;"),
    ],
    breaks: ["no-halt", "order", "watermarks", "liveness", "certificates", "carry-over", "reload", "epochs", "calm"],
  },
  {
    name: "requests-die-with-their-epoch",
    why: "clients sign for the cluster, in every epoch",
    edits: [signatures("const ofClients = createVerifier(cluster, 0);", "const ofClients = ofMembers;")],
    breaks: ["service", "liveness"],
  },
  {
    name: "start-not-fetched-from-the-old-members",
    why: "only members of the closed epoch have the state at which the next one starts",
    edits: [transfer("transfer.sequence !== genesis.start?.sequence", "transfer.sequence >= 0")],
    breaks: ["liveness"],
  },
  {
    name: "link-not-verified",
    why: "whoever knows the members' numbers ends an epoch",
    edits: [
      link(
        'kind: "checkpoint", bytes, signature };\n    if (!await isSigned(check)) throw wrongSignature(check);',
        'kind: "checkpoint", bytes, signature };\n    void check;',
      ),
    ],
    breaks: ["epochs"],
  },
  {
    name: "fork-followed-from-the-epoch-before",
    why: "with the keys of a closed epoch members are led to another chain, although they know a later epoch",
    edits: [
      member(
        "const reached = await followChain(from, links, chainCrypto(this.#cryptography));",
        "const before = this.#epochs.at(-2) ?? from;\n    const reached = await followChain(from, links, chainCrypto(this.#cryptography)).catch(() => followChain(before, links, chainCrypto(this.#cryptography)));",
      ),
    ],
    breaks: ["epochs", "no-halt"],
  },
  {
    name: "signatures-of-epoch-0-count-always",
    why: "nothing that is signed in a closed epoch counts later, also where a member keeps its key",
    edits: [
      signatures(
        '(kind === "request" || kind === "query" ? ofClients : ofMembers).verify(key, kind, bytes, signature),',
        "ofMembers.verify(key, kind, bytes, signature) || ofClients.verify(key, kind, bytes, signature),",
      ),
    ],
    breaks: ["authenticity", "agreement", "certificates", "validity", "evidence", "durability", "view-changes"],
  },
  {
    name: "second-configuration-accepted",
    why: "one configuration is pending at a time",
    edits: [configure("  if (before) {", "  if (before && before.epoch < 0) {")],
    breaks: ["epochs"],
  },
  {
    name: "window-not-closed",
    why: "numbers above the end of the epoch are accepted in it",
    edits: [configure("  log.closeAt(pending.closesAt);\n", "")],
    breaks: ["watermarks", "epochs", "certificates"],
  },
  {
    name: "configuration-not-in-the-state",
    why: "the closing checkpoint binds the next configuration",
    edits: [configure("isChanged && pending ? env.pack", "isChanged && pending && pending.epoch < 0 ? env.pack")],
    breaks: ["liveness", "epochs", "reload", "no-halt", "integrity"],
  },
  {
    name: "owner-not-renewed",
    why: "a member may have another number in the next epoch",
    edits: [store("  if (member) writes.put(", "  if (member && member.self < 0) writes.put(")],
    breaks: ["no-halt", "liveness", "epochs"],
  },
  {
    name: "failed-migration-not-noted",
    why: "the checkpoint binds that a migration has failed, so that the former version stays",
    edits: [migration("{ ...pending, hasFailed: true };", "{ ...pending, hasFailed: false };")],
    breaks: ["epochs", "no-halt", "integrity"],
  },
  {
    name: "failed-migration-not-read",
    why: "who follows the chain takes the new version for the one in force",
    edits: [link("pending.hasFailed ? {", "pending.hasFailed && epoch.number < 0 ? {")],
    breaks: ["epochs", "no-halt"],
  },
  {
    name: "migrated-state-not-tried",
    why: "a state that the next version does not take back stops every replica at its next start",
    edits: [migration("checker: checkerOf(env.createMachine!(version)) };", "checker: { next() {}, end() {} } };")],
    breaks: ["epochs", "no-halt"],
  },
  {
    name: "who-lacks-the-version-signs",
    why: "a state of the former version is no state of the closing checkpoint",
    edits: [migration("if (!migration) return lack(step, version);", 'if (!migration) return "done";')],
    breaks: ["reload", "integrity", "epochs", "no-halt", "liveness"],
  },
  {
    name: "former-machine-reads-the-new-state",
    why: "between the migration and the next epoch the machine of the former version is not used",
    edits: [
      migration(
        "return changesVersion({ env, state }) && state.tree.sequence",
        "return false && changesVersion({ env, state }) && state.tree.sequence",
      ),
    ],
    breaks: ["no-halt", "integrity", "reload", "linearizability"],
  },
  {
    name: "closed-before-the-state-is-there",
    why: "the link, and the next epoch, need the state of the closing checkpoint",
    edits: [
      configure("epochs.isReported || transfer) return;", "epochs.isReported) return;"),
      configure("tree.sequence !== closesAt) return;", "tree.sequence > closesAt) return;"),
    ],
    breaks: ["epochs"],
  },
  {
    name: "lost-disk-forgotten-at-the-end",
    why: "in which of the later epochs it voted, before it lost its disk, a replica does not know",
    edits: [store('records.has("lost-disk") || (', "(")],
    breaks: ["epochs", "self-consistency"],
  },
  {
    name: "other-instance-stays",
    why: "of two instances on one store, the one that finds the store in the next epoch follows",
    edits: [member("void this.#move(() => this.#followStore()).catch((error) => this.#failed(error)),", "{},")],
    breaks: ["epochs", "liveness"],
  },
  {
    name: "state-of-the-former-version-kept",
    why: "the machine of the next version can't read the state of the former one",
    edits: [store("      await dropFormerState(store, loaded, entering, writes);\n", "")],
    breaks: ["no-halt", "liveness", "epochs"],
  },
  {
    name: "migrated-in-the-next-epoch-again",
    why: "the configuration that is in force is not pending any more",
    edits: [configure("if (pending.epoch <= epochOf(env)) return;", "if (pending.epoch < epochOf(env)) return;")],
    breaks: ["watermarks", "liveness", "epochs", "no-halt", "integrity"],
  },
  {
    name: "query-answered-after-the-end",
    why: "a quorum of a closed epoch would give an old state",
    edits: [queries("state.lastExecuted >= through && !isOver(state);", "state.lastExecuted >= through;")],
    breaks: ["epochs", "linearizability"],
  },
  {
    name: "links-asked-for-by-nobody",
    why: "who was away while its epoch ended hears from nobody, and must ask",
    edits: [asking("if (!this.#options.self.isMoving && isDue) await this.#askForLinks();", "void isDue;")],
    breaks: ["liveness", "epochs"],
  },
  {
    name: "removed-member-stops-at-once",
    why: "one member of the next epoch has the state, and the others may never get it",
    edits: [
      departure(
        "return entered.size >= quorum(replicas.length) ||",
        "return entered.size >= quorum(replicas.length) - quorum(replicas.length) ||",
      ),
    ],
    breaks: ["epochs", "liveness"],
  },
  {
    name: "removed-member-never-stops",
    why: "its operator is never told that nobody needs it",
    edits: [
      departure(
        "isSame()) return onDeparted(self.epochs.at(-1)!);",
        "this.#left() === undefined) return onDeparted(self.epochs.at(-1)!);",
      ),
    ],
    breaks: ["epochs"],
  },
];
