/**
 * Planted bugs in what verifies proofs offline: snapshots, evidence, the kept chain, `check`; and bugs that a run of the
 * simulator meets once in thousands. Each names the tests that must fail. `deno run -A tests/mutants/proofs.ts` plants
 * them one after another.
 * @module
 */
import { root } from "../tools/files.ts";
import { applyEdit, type Edit, inFile } from "./mutant.ts";

/** A planted bug that these tests find. */
export interface ProofMutant {
  readonly name: string;
  readonly why: string;
  readonly edits: readonly Edit[];
  readonly tests: readonly string[];
}

const manifest = inFile("src/snapshot/manifest.ts");
const trust = inFile("src/snapshot/trust.ts");
const verify = inFile("src/snapshot/verify.ts");
const restore = inFile("src/snapshot/restore.ts");
const migration = inFile("src/snapshot/migration/migrate.ts");
const nextEpoch = inFile("src/wire/epochs/epoch.ts");
const configures = inFile("src/wire/epochs/operation.ts");
const members = inFile("src/core/epochs/migration.ts");
const steps = inFile("src/core/epochs/migrate.ts");
const writer = inFile("src/core/tree/leaf_writer.ts");
const leaves = inFile("src/core/tree/leaf_list.ts");
const typed = inFile("src/machines/typed/migrate_entries.ts");
const auditing = inFile("src/snapshot/audit/audit.ts");
const genesis = inFile("src/wire/genesis.ts");
const evidence = inFile("src/client/proofs/verify/evidence.ts");
const kept = inFile("src/cli/members/kept_chain.ts");
const retired = inFile("src/core/sealing/retired_blobs.ts");
const transfer = inFile("src/core/checkpoints/state_transfer.ts");
const time = inFile("src/core/ordering/agreed_time.ts");
const change = inFile("src/core/views/view_change.ts");
const requests = inFile("src/core/ordering/requests.ts");
const following = inFile("src/client/watch/follow.ts");
const pace = inFile("src/client/transport/pace.ts");
const verdict = inFile("src/cli/check/verdict.ts");
const leaving = inFile("src/core/views/leaving.ts");
const normalCase = inFile("src/core/ordering/normal_case.ts");
const replica = inFile("src/core/replica.ts");
const timers = inFile("src/core/upkeep/timers.ts");
const outbox = inFile("src/node/out/outbox.ts");
const inputs = inFile("src/node/durable/kept_inputs.ts");
const handOver = inFile("src/core/views/hand_over.ts");
const own = inFile("src/core/recovery/own_messages.ts");
const passed = inFile("src/node/in/passed.ts");
const surplus = inFile("src/core/ordering/surplus.ts");
const identity = inFile("src/node/storage/identity.ts");
const clusterMember = inFile("src/node/epochs/cluster_member.ts");
const fairness = inFile("src/core/views/fairness.ts");
const queries = inFile("src/core/upkeep/queries.ts");
const answers = inFile("src/core/ordering/answers.ts");
const sessions = inFile("src/core/clients/sessions.ts");
const logRequests = inFile("src/core/checkpoints/log_requests.ts");
const resending = inFile("src/core/upkeep/retransmission.ts");
const rotating = inFile("src/runtime/identity/key_rotation.ts");
const posted = inFile("src/http/routes/messages.ts");
const states = inFile("src/node/epochs/state_server.ts");
const serving = inFile("src/runtime/host/serve.ts");
const budget = inFile("src/http/bodies/body_budget.ts");
const tally = inFile("src/client/watch/tally.ts");
const log = inFile("src/node/watching/change_log.ts");
const archive = inFile("src/node/storage/archive.ts");
const viewTimeout = inFile("src/core/views/view_timeout.ts");
const viewTimer = inFile("src/core/views/view_timer.ts");
const chain = inFile("src/node/epochs/chain_store.ts");

const EPOCHS = ["tests/snapshot/epochs_test.ts"];
const TIME = ["tests/core/agreed_time_test.ts"];
const HELD_BACK = ["tests/core/held_back_votes_test.ts", "tests/paper/view_changes_test.ts"];
const ORIGIN = ["tests/snapshot/origin_test.ts"];

const CONFIGURE = ["tests/wire/configure_fuzz_test.ts"];

/** All of them. */
export const PROOFS: readonly ProofMutant[] = [
  {
    name: "hand-overs-forgotten-at-each-start",
    why: "a liar is handed the view as often as it asks replicas whose hosts start them anew for each message",
    edits: [timers("  restoreHandOvers(leaving, timers.handOvers, timers.steppedAt);\n", "")],
    tests: ["tests/core/leaving_test.ts"],
  },
  {
    name: "two-clocks-without-end",
    why: "two instances of a replica, whose clocks are seconds apart, start each other anew with each commit",
    edits: [
      inputs(
        "return ahead > 0 && ahead <= CLOCKS_APART_MS ? setBack(written, ahead) : written;",
        "void ahead;\n    return written;",
      ),
    ],
    tests: ["tests/node/kept_inputs_test.ts"],
  },
  {
    name: "refused-although-heard",
    why: "a primary that has just started, and was heard, is suspected because a delivery of before was refused",
    edits: [outbox("isRefused(failure.error) && delivery.startedAt > this.#heardAt", "isRefused(failure.error)")],
    tests: ["tests/node/outbox_test.ts"],
  },
  {
    name: "first-line-awaited-for-a-minute",
    why: "a watch waits a minute for each replica to which the network has swallowed its request",
    edits: [
      following(
        "let cancel = after(timer, waitMs, end);",
        "let cancel = after(timer, SILENCE_MS, end);\n  void waitMs;",
      ),
    ],
    tests: ["tests/watch/follow_test.ts"],
  },
  {
    name: "alone-with-an-old-answer",
    why: "a gateway that knows the result of a repeated request does not ask the others, whose word it needs as well",
    edits: [requests('  if (forGood && ours) step.send("all", request);\n', "")],
    tests: ["tests/node/repeated_request_test.ts"],
  },
  {
    name: "late-beginner-counts",
    why:
      "a stream that was asked for the present, and begins when the watch has begun, counts as that of a replica that keeps nothing before",
    edits: [following("    if (isLate(said.from)) throw new LateError();\n", "")],
    tests: ["tests/watch/watch_test.ts"],
  },
  {
    name: "taken-over-once",
    why:
      "what a new-view carries beyond the window that a replica has then is never taken over: a primary does not vote for it",
    edits: [replica("    if (this.#state.log.low > low) carryOver(step);\n", "")],
    tests: HELD_BACK,
  },
  {
    name: "nothing-held-back",
    why: "everybody votes anew for all numbers that the new view takes over, also for those that all have executed",
    edits: [change("(sequence <= state.lastExecuted && slot.committed !== null && !isAwaited(slot))", "false")],
    tests: HELD_BACK,
  },
  {
    name: "snapshot-by-the-keys-of-epoch-0",
    why: "a snapshot of a later epoch is verified with the members of the genesis",
    edits: [manifest("const epoch = shown.at(-1)!;", "const epoch = shown[0]!;")],
    tests: EPOCHS,
  },
  {
    name: "snapshot-of-any-epoch",
    why: "a signature of one epoch counts in another one",
    edits: [manifest("createVerifier(context, number).verify(", "createVerifier(context, 0).verify(")],
    tests: EPOCHS,
  },
  {
    name: "snapshot-without-a-quorum",
    why: "one member makes a snapshot",
    edits: [
      manifest("if (!state || !isStableCertificate(certificate as never, termsOf(epoch))) {", "if (!state) {"),
    ],
    tests: EPOCHS,
  },
  {
    name: "chain-not-compared",
    why: "stolen keys of an epoch show a branch to somebody who knows better",
    edits: [trust("if (!other) return;", "if (other || !other) return;")],
    tests: EPOCHS,
  },
  {
    name: "snapshot-after-the-end-of-its-epoch",
    why: "stolen keys of an epoch sign a state for a number that it never had",
    edits: [trust("if (!end || sequence < end.sequence ||", "if (!end || sequence !== end.sequence ||")],
    tests: EPOCHS,
  },
  {
    name: "another-end-of-an-epoch",
    why: "stolen keys of an epoch sign another state for its last number",
    edits: [trust("(sequence === end.sequence && root === end.root)) return;", "sequence === end.sequence) return;")],
    tests: EPOCHS,
  },
  {
    name: "manifest-in-the-place-of-another",
    why: "an older state is shown as a newer one",
    edits: [verify("if (manifestKey(head) === key) return head;", "if (manifestKey(head) !== null) return head;")],
    tests: EPOCHS,
  },
  {
    name: "migrated-state-taken-for-the-new-one",
    why: "a member starts with a state that its machine can't read",
    edits: [restore("isOfFormerVersion(epochs.slice(epoch.number), sequence) ? []", "false ? []")],
    tests: EPOCHS,
  },
  {
    name: "end-of-epoch-not-audited",
    why: "an audit misses a migration that went otherwise, where no snapshot was taken",
    edits: [
      auditing(
        "if (sequence === end?.sequence && compare(",
        "if (sequence === end?.sequence && sequence < 0 && compare(",
      ),
    ],
    tests: EPOCHS,
  },
  {
    name: "origin-not-in-the-id",
    why: "a cluster begins with any state under the same id",
    edits: [genesis("const { origin } = genesis;\n  writer", "const origin = genesis.origin && undefined;\n  writer")],
    tests: ORIGIN,
  },
  {
    name: "origin-of-another-number",
    why: "a cluster goes on from a number that its state does not have",
    edits: [verify("if (sequence !== expected) {", "if (sequence < 0) {")],
    tests: ORIGIN,
  },
  {
    name: "origin-not-checked-before",
    why: "a damaged snapshot leaves a store that looks like a member's",
    edits: [restore("  await verifyState(storage, origin);\n  if (start", "  if (start")],
    tests: ORIGIN,
  },
  {
    name: "origin-forgets-the-lost-disk",
    why: "a member that has voted in the new cluster votes again after it lost its disk",
    edits: [
      restore(
        'if (start === "recover") await markLostDisk(store, identity);',
        "if (start === null) return null as never;",
      ),
    ],
    tests: ORIGIN,
  },
  {
    name: "migration-tried-once",
    why: "a genesis names a root that nobody else finds",
    edits: [migration("if (again !== root) {", "if (root.length === 0) {")],
    tests: ["tests/snapshot/migrate_test.ts"],
  },
  {
    name: "migrated-state-not-checked",
    why: "a cluster begins with a state that its machine can't read",
    edits: [migration("this.#attempt(() => checkState(versions.create(to), chunks));", "")],
    tests: ["tests/snapshot/migrate_test.ts"],
  },
  {
    name: "former-chunk-kept-in-the-migrated-state",
    why: "a chunk that the migration does not give again is a part of the new state",
    edits: [
      migration(
        "if (!given.has(id)) tree.put(MACHINE + id, null);",
        "if (given.size === 0) tree.put(MACHINE + id, null);",
      ),
    ],
    tests: ["tests/snapshot/migrate_test.ts"],
  },
  {
    name: "fewer-than-a-quorum-configure",
    why: "two configurations could both be approved, with no correct member in common",
    edits: [
      nextEpoch("if (checks.length >= needed) return checks;", "if (checks.length >= needed - 1) return checks;"),
    ],
    tests: CONFIGURE,
  },
  {
    name: "one-member-approves-twice",
    why: "fewer members than a quorum change the cluster",
    edits: [nextEpoch("if (seen.has(member)) throw new", "if (seen.has(-1)) throw new")],
    tests: CONFIGURE,
  },
  {
    name: "configuration-of-any-chain",
    why: "what was approved as the continuation of another configuration takes effect",
    edits: [nextEpoch('  same("wrong-previous", "previous", epoch.context, next.previous);\n', "")],
    tests: CONFIGURE,
  },
  {
    name: "configuration-that-throws",
    why: "bytes that no configuration has stop every replica that executes them",
    edits: [
      configures("malformedUnless(() => decodeConfiguration(configuration))", "decodeConfiguration(configuration)"),
    ],
    tests: CONFIGURE,
  },
  {
    name: "failed-migration-leaves-its-chunks",
    why: "what a migration gave before it failed stays in the store for good",
    edits: [members("state.tree.unmake([...next]", "void ([...next]")],
    tests: ["tests/core/migration_test.ts"],
  },
  {
    name: "failed-migration-drops-what-stays",
    why: "a chunk that the migration left as it was is dropped with those that it gave, and the state lacks it",
    edits: [members(".filter(([id, digest]) => state.tree.chunk(id) !== digest)", "")],
    tests: ["tests/core/migration_test.ts"],
  },
  {
    name: "migration-in-one-step",
    why: "a replica answers nobody while it migrates a large state",
    edits: [members("bytes < most; bytes += LEAST_BYTES", "bytes < Infinity; bytes += LEAST_BYTES")],
    tests: ["tests/core/migration_test.ts"],
  },
  {
    name: "chunks-of-a-migration-in-any-order",
    why: "of two chunks with one id the check of the new state sees one, and the tree has the other",
    edits: [steps("if (this.#last !== null && id <= this.#last) {", "if (this.#last !== null && id < id) {")],
    tests: ["tests/core/migration_test.ts"],
  },
  {
    name: "streamed-leaf-forgets-its-neighbour",
    why: "the chunks of a streamed state are others than those of the same entries in a map",
    edits: [writer("this.#before = common;", "")],
    tests: ["tests/core/leaf_map_test.ts", "tests/machines/typed/migrate_test.ts"],
  },
  {
    name: "stored-successor-counts-more",
    why:
      "a leaf that is loaded while a checkpoint is stored takes the stored one for the leaf after it; the one in memory is lost",
    edits: [leaves("after && (next === null || after.from <= next)", "after && next !== null && after.from <= next")],
    tests: ["tests/core/leaf_loading_test.ts"],
  },
  {
    name: "stored-first-counts-more",
    why:
      "a leaf that is loaded while a checkpoint is stored counts as the first one, though the first one is in memory",
    edits: [leaves("if (isFirst && at === 0)", "if (isFirst)")],
    tests: ["tests/core/leaf_loading_test.ts"],
  },
  {
    name: "marks-not-sorted",
    why: "values that expire at other times than before have their notes in another order",
    edits: [typed("for (const mark of marks.sort())", "for (const mark of marks)")],
    tests: ["tests/machines/typed/migrate_test.ts"],
  },
  {
    name: "evidence-of-any-epoch",
    why: "what a member signed in one epoch convicts whoever has its key in another one",
    edits: [evidence("createWebVerifier(context, number)", "createWebVerifier(context, 0)")],
    tests: ["tests/client/evidence_test.ts"],
  },
  {
    name: "relays-what-the-primary-has-proposed",
    why: "a primary under load gets each request again from each backup",
    edits: [resending("if (shown >= most && proposed?.has(entry.request.digest)) continue;", "")],
    tests: ["tests/core/retransmission_test.ts"],
  },
  {
    name: "relays-at-any-pace",
    why: "a primary under load gets requests again before a batch could have been ordered",
    edits: [viewTimeout("Math.min(Math.max(statusIntervalMs, ms), idleStatusMs)", "statusIntervalMs")],
    tests: ["tests/core/retransmission_test.ts"],
  },
  {
    name: "client-repeats-what-only-takes-long",
    why: "a cluster under load gets each request from each client several times",
    edits: [pace("Math.max(retryMs, Math.min(factor * this.#meanMs, maxRetryMs))", "retryMs")],
    tests: ["tests/client/faults_test.ts"],
  },
  {
    name: "client-is-patient-for-ever",
    why: "a slow primary decides how long its client waits before it asks the others",
    edits: [pace("Math.min(factor * this.#meanMs, maxRetryMs)", "factor * this.#meanMs")],
    tests: ["tests/client/faults_test.ts"],
  },
  {
    name: "kept-chain-shortened",
    why: "a verb that knows less makes the others forget",
    edits: [kept("return known >= links.length ? null", "return known < 0 ? null")],
    tests: ["tests/cli/chain_test.ts"],
  },
  {
    name: "kept-chain-forks",
    why: "a longer chain that old keys have signed takes the place of what is known",
    edits: [kept("if (shown !== context) {", "if (shown === null) {")],
    tests: ["tests/cli/chain_test.ts"],
  },
  {
    name: "any-epoch-counts-in-check",
    why: "members of a closed epoch count as the present ones",
    edits: [
      verdict("|| status.epoch !== number ||", "||"),
      verdict("if (status.epoch !== number) {", "if (status.epoch < 0) {"),
    ],
    tests: ["tests/cli/check_verdict_test.ts"],
  },
  {
    name: "dropped-blob-stays-listed",
    why: "a blob of an old checkpoint that was dropped and is named again is dropped once more after a restart",
    edits: [
      retired(
        "      for (const [sequence, dropped] of this.#dropped) if (dropped.delete(digest)) this.#changed.add(sequence);\n",
        "",
      ),
    ],
    tests: ["tests/core/retired_blobs_test.ts"],
  },
  {
    name: "fetched-blob-stays-listed",
    why: "what a state transfer has just fetched is dropped with the blobs of an old checkpoint",
    edits: [transfer("  step.state.retired.revive(digests);\n", "")],
    tests: ["tests/core/sealing_test.ts"],
  },
  {
    name: "others-followed-at-any-time",
    why: "f liars and one correct replica with a wrong clock set the agreed time",
    edits: [time("return clock.isUnsure && 1 +", "return 1 +")],
    tests: TIME,
  },
  {
    name: "others-followed-too-few",
    why: "the primary's word alone sets the agreed time at a replica that was just started",
    edits: [time("n, slot.waiting?.prePrepare).length > f;", "n, slot.waiting?.prePrepare).length >= f;")],
    tests: TIME,
  },
  {
    name: "others-never-followed",
    why: "a replica whose clock was set back while it was down holds up those that need it",
    edits: [time("clock.isUnsure = status.dueAt === 0;", "clock.isUnsure = false;")],
    tests: TIME,
  },
  {
    name: "sure-at-once",
    why: "a batch that waited for a replica's start makes it believe in its clock",
    edits: [time("clock.isUnsure = !isAhead && !isNear;", "clock.isUnsure = false;")],
    tests: TIME,
  },
  {
    name: "failed-hand-overs-forgotten",
    why: "a liar has itself made primary every half minute, and orders nothing",
    edits: [leaving("Math.min(grant.failed + 1, MOST_DOUBLINGS)", "0")],
    tests: ["tests/core/leaving_test.ts"],
  },
  {
    name: "handed-over-as-often-as-others-agree",
    why:
      "liars ask one correct replica after the other, and have one of themselves made primary as often as there are pairs",
    edits: [handOver("  leaving.joined = { view, at: elapsedMs };\n", "")],
    tests: ["tests/core/leaving_test.ts"],
  },
  {
    name: "agrees-anew-to-each-message",
    why: "a liar makes a replica that suspects its primary sign, store and send two announcements for each message",
    edits: [handOver("  if (isRepeated(step, before, view)) return;\n", "")],
    tests: ["tests/core/leaving_test.ts"],
  },
  {
    name: "commits-before-it-may-vote",
    why: "a replica that recovers, or does not know yet what it has sent, commits what it had accepted before",
    edits: [
      normalCase(
        " || !step.mayVote) return;\n  const { view, sequence, digest } = prePrepare.message;\n  if (slot.prepared",
        ") return;\n  const { view, sequence, digest } = prePrepare.message;\n  if (slot.prepared",
      ),
    ],
    tests: ["tests/core/own_messages_test.ts"],
  },
  {
    name: "reminder-counts-as-an-answer",
    why: "a replica on an old copy, told only that its number is used, votes before its own messages were returned",
    edits: [
      resending("sendStatus(step, replica, { echo: 0 as Millis });", "sendStatus(step, replica, { echo: challenge });"),
      resending("{ replica }: Status): void", "{ replica, challenge }: Status): void"),
    ],
    tests: ["tests/core/own_messages_test.ts"],
  },
  {
    name: "copy-of-a-recovery-is-trusted",
    why:
      "a copy of the store that was made during a recovery ends it at the old bound, although the replica has voted above it",
    edits: [own("if (!lostDisk || isAfterRecovery(lostDisk, own)) {", "if (!lostDisk) {")],
    tests: ["tests/node/old_copy_test.ts"],
  },
  {
    name: "proposes-what-is-stable",
    why:
      "a primary with an old copy of its store gives numbers up to the stable checkpoint of the others to other batches",
    edits: [normalCase("  if (stableSequence(state.ahead ?? []) > state.lastProposed) return;\n", "")],
    tests: ["tests/core/checkpoint_test.ts"],
  },
  {
    name: "asks-with-old-numbers",
    why:
      "a replica that asks at its start, and has been overtaken by an instance that is gone, asks with numbers that are used for ever",
    edits: [resending("step.isBehind || isToldOfHigher(step)", "step.isBehind")],
    tests: ["tests/core/own_messages_test.ts"],
  },
  {
    name: "next-key-hears-nobody",
    why:
      "while a key changes, what the others send goes to the replica of the former key until the next one has the state",
    edits: [serving("    handle = sharedAddress(hosted(), host);\n", "")],
    tests: ["tests/runtime/key_rotation_test.ts"],
  },
  {
    name: "expired-rotation-fails",
    why: "a member that does not know the agreed time yet gives up the change of its key for a minute",
    edits: [rotating("!isExpired(result) || tries", "tries === 1 || tries")],
    tests: ["tests/runtime/key_rotation_test.ts"],
  },
  {
    name: "reply-read-by-former-limits",
    why: "a reply of the next epoch may be longer than the epoch allowed in which it was asked for",
    edits: [posted("decodeFrame(answer, OWN_REPLY)", "decodeFrame(answer)")],
    tests: ["tests/http/over_epochs_test.ts"],
  },
  {
    name: "state-for-removed-members",
    why: "the key of a removed member reads the present state of the cluster",
    edits: [states(" || !placeIn(present, asked.publicKey)) return null", ") return null")],
    tests: ["tests/node/epochs_test.ts"],
  },
  {
    name: "repeated-fetches-count-as-the-members",
    why: "a removed member repeats the fetches of new ones, which get nothing of the state any more",
    edits: [states("this.#isRepeated(asked) ? `${asked.publicKey} again` : asked.publicKey", "asked.publicKey")],
    tests: ["tests/node/state_server_test.ts"],
  },
  {
    name: "own-report-counts",
    why: "a liar returns a status to a replica that lost its disk, which counts it as what another one says",
    edits: [resending('  if (replica === step.self) return step.discard("status", replica, "duplicate");\n', "")],
    tests: ["tests/core/lost_disk_test.ts"],
  },
  {
    name: "vote-after-the-end-is-an-old-copy",
    why: "a replica forgets its votes above the end of its epoch, so whoever returns one makes it recover",
    edits: [own("  if (own.sequence > (state.epochs.pending?.closesAt ?? Infinity)) return true;\n", "")],
    tests: ["tests/core/epochs_test.ts"],
  },
  {
    name: "store-that-moves-is-foreign",
    why:
      "two instances of a member start at once: the one whose store the other leads to the next epoch opens it again",
    edits: [chain("if (!(error instanceof OtherEpochError) || attempt", "if (attempt > 0 || attempt")],
    tests: ["tests/node/epochs_test.ts"],
  },
  {
    name: "known-decision-verified-again",
    why: "the votes that a replica that is behind needs wait behind proofs that all others send it again and again",
    edits: [passed('["prepare", "commit", "decision"]', '["prepare", "commit"]')],
    tests: ["tests/node/surplus_votes_test.ts"],
  },
  {
    name: "needed-decision-left-unread",
    why: "a replica that lacks a decision throws its proof away",
    edits: [surplus("return sequence <= log.low || (", "return sequence >= 0 || (")],
    tests: ["tests/node/surplus_votes_test.ts"],
  },
  {
    name: "entered-twice",
    why: "of two instances on one store, the second one removes what the first one has signed in the next epoch",
    edits: [chain("    if (chainIn(loaded).length >= entering.epochs.at(-1)!.number) return;\n", "")],
    tests: ["tests/node/epochs_test.ts"],
  },
  {
    name: "store-of-another-epoch-read",
    why: "of two instances on one store, one goes on in a closed epoch with the records of the next one",
    edits: [identity("if (found !== epoch) throw", "if (found < 0) throw")],
    tests: ["tests/node/newer_epochs_test.ts"],
  },
  {
    name: "end-of-a-former-epoch-noted-again",
    why:
      "of two instances on one store, one leads the other from the end of an epoch that is over to the epoch after it once more",
    edits: [
      clusterMember("if (this.#isClosed || this.epoch.number !== number) return;", "if (this.#isClosed) return;"),
    ],
    tests: ["tests/node/newer_epochs_test.ts"],
  },
  {
    name: "bodies-in-progress-for-ever",
    why: "a body that broke off still counts: in the end every body is refused",
    edits: [budget("        this.#end(body);\n        this.#bytes", "        this.#bytes")],
    tests: ["tests/http/bodies_test.ts"],
  },
  {
    name: "watch-begins-in-the-past",
    why: "one that is made after a result was given begins after that result",
    edits: [tally("if (sources.length < quorum(this.#n)) return null;", "if (sources.length < 1) return null;")],
    tests: ["tests/watch/tally_test.ts", "tests/watch/follow_test.ts"],
  },
  {
    name: "skipped-numbers-told-as-empty",
    why: "a replica that skips numbers by a state transfer does not know what they have changed",
    edits: [
      log("if (sequence > this.next) this.#forgetTo(sequence - 1);", "if (sequence < 0) this.#forgetTo(sequence - 1);"),
    ],
    tests: ["tests/node/change_log_test.ts"],
  },
  {
    name: "archived-after-the-commit",
    why: "a replica that stops in between has forgotten a batch, and nobody has it",
    edits: [
      archive(
        "      if (writes.forgotten?.length) await archive.put(writes.forgotten);\n      return await store.commit(writes, expected);",
        "      const version = await store.commit(writes, expected);\n      if (writes.forgotten?.length) await archive.put(writes.forgotten);\n      return version;",
      ),
    ],
    tests: ["tests/node/archive_test.ts"],
  },
  {
    name: "archive-lacks-what-was-executed-before-a-restart",
    why: "what a replica finds in its store it must archive, too, before it forgets it",
    edits: [archive("      this.#decided.set(sequence, { digest: batch.digest, commits });\n    }\n", "    }\n")],
    tests: ["tests/node/archive_test.ts"],
  },
  {
    name: "archive-without-proof",
    why: "nobody can tell that an archived batch was decided",
    edits: [
      archive(
        "decided.commits.map((commit) => encodeFrame(commit));",
        "decided.commits.slice(1).map((commit) => encodeFrame(commit));",
      ),
    ],
    tests: ["tests/node/archive_test.ts"],
  },
  {
    name: "reading-begins-the-wait-anew",
    why: "a replica that is started for each message, and reads what it had executed, never suspects a dead primary",
    edits: [
      viewTimer(
        "if (isReading(step)) return null;",
        "if (isReading(step)) {\n    stopTimer(timer);\n    return null;\n  }",
      ),
    ],
    tests: ["tests/core/leaving_test.ts", "tests/core/view_change_test.ts"],
  },
  {
    name: "wish-in-an-old-status-does-not-count",
    why:
      "a liar that tells the primary a higher number, and the backups that it lost its disk, has each primary of an idle cluster replaced",
    edits: [resending("    noteWanted(step, status);\n", "")],
    tests: ["tests/core/lost_disk_test.ts"],
  },
  {
    name: "reminders-without-end",
    why: "each repeated status of a replica that started draws a view-change, which may have hundreds of kilobytes",
    edits: [resending("  remindedAt.set(replica, step.now);\n", "")],
    tests: ["tests/core/replays_test.ts"],
  },
  {
    name: "queries-that-load-cost-each-step",
    why: "readers whose queries wait for the store slow down each step of the replica",
    edits: [queries("if (awaits.length === 0) awaits.push(", "awaits.splice(0, awaits.length, ")],
    tests: ["tests/core/queries_test.ts"],
  },
  {
    name: "outcomes-looked-up-each-step",
    why: "strangers whose requests wait slow down each step of a replica that suspects its primary",
    edits: [answers("  if (pending.lookedUpAt === lastExecuted) return false;\n", "")],
    tests: ["tests/core/answers_test.ts"],
  },
  {
    name: "evicted-session-is-found",
    why: "a client whose session was evicted is told that it is open",
    edits: [
      sessions(
        "if (this.#byOpening.get(opening)?.id === session.id) this.#byOpening.delete(opening);",
        "void opening;",
      ),
    ],
    tests: ["tests/core/client_table_test.ts"],
  },
  {
    name: "one-at-a-time-is-fair",
    why: "a primary that serves who waits longest, one at a time and just in time, stays",
    edits: [fairness("return this.roomsFor(owner) - before > 2 * ROOMS_PER_WAIT;", "return this.#rooms < before;")],
    tests: ["tests/core/view_change_test.ts"],
  },
  {
    name: "flood-deposes-the-primary",
    why:
      "a liar floods the primary alone, which has no place for one more request, and shows that to the backups: the primary is replaced",
    edits: [fairness("if (own.served - own.servedAtRoom >= mostPending) own.busyRooms++;", "void mostPending;")],
    tests: ["tests/core/view_change_test.ts"],
  },
  {
    name: "only-liars-are-asked-for-the-log",
    why: "f liars that give one decision at a time hold up a replica that catches up",
    edits: [logRequests("return Math.max(2, f + 1);", "return Math.min(2, f + 1);")],
    tests: ["tests/core/catching_up_test.ts"],
  },
  {
    name: "lost-questions-are-not-repeated-under-load",
    why: "a replica that lost its disk waits for an answer to a question that was lost, until the load ends",
    edits: [resending("if (!busy || !moved || isAsking(step)) {", "if (!busy || !moved) {")],
    tests: ["tests/core/lost_disk_test.ts"],
  },
];

/** Whether the tests find the bug in a copy of the project. */
async function isFound({ edits, tests }: ProofMutant): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    const copied = ["src", "tests", "page", "mod.ts", "deno.json", "deno.lock"];
    const { success: isCopied } = await new Deno.Command("cp", { args: ["-r", ...copied, folder], cwd: root }).output();
    if (!isCopied) throw new Error(`expected a copy in ${folder}, got none`);
    for (const edit of edits) {
      const path = `${folder}/${edit.file}`;
      await Deno.writeTextFile(path, applyEdit(await Deno.readTextFile(path), edit));
    }
    const args = ["test", "-A", "--no-check", "--fail-fast", "--lock=tests/deno.lock", ...tests];
    const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: folder, stdout: "null", stderr: "null" })
      .output();
    return !success;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const wanted = PROOFS.filter(({ name }) => Deno.args.length === 0 || Deno.args.includes(name));
  const survivors: string[] = [];
  const tests = [...new Set(wanted.flatMap((mutant) => mutant.tests))];
  if (await isFound({ name: "", why: "", edits: [], tests })) throw new Error("the tests fail without a planted bug");
  for (const mutant of wanted) {
    const isKilled = await isFound(mutant);
    console.log(`${isKilled ? "found   " : "SURVIVED"} ${mutant.name}`);
    if (!isKilled) survivors.push(mutant.name);
  }
  console.log(`${wanted.length - survivors.length} of ${wanted.length} found`);
  Deno.exit(survivors.length > 0 ? 1 : 0);
}
