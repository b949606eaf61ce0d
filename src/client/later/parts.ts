/**
 * The parts that are loaded later, in one piece: they share most of what they need.
 * @module
 */
export { catchUp, epochsOf, furtherFrom, lastEpoch } from "../epochs/following.ts";
export { executedBatch } from "../proofs/verify/archive.ts";
export { provenChange } from "../proofs/verify/change.ts";
export { misconductIn } from "../proofs/verify/evidence.ts";
export { provenResult } from "../proofs/verify/receipt.ts";
export { withDigestReplies } from "../calls/digest_replies.ts";
export { OpenWatch } from "../watch/open_watch.ts";
export { watchEntries } from "../typed/entries.ts";
