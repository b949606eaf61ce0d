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
const transfer = inFile("src/core/checkpoints/state_transfer.ts");

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
];
