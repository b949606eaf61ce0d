/**
 * Structure checks of messages that contain other messages, done before any contained signature is verified: the right
 * signers, and the right number of messages. So a faulty member's message with 4,000 votes of one member costs one look
 * and not 4,000 signature checks.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type {
  Decision,
  Message,
  NewView,
  PreparedCertificate,
  Signed,
  ViewChange,
} from "../../core/messages/messages.ts";
import { primaryOf, quorum } from "../../core/messages/quorum.ts";
import { isStableCertificate } from "../../core/messages/certificates.ts";

/** Finds the first fault in a message's structure: the field and the expected form; null if there is none. */
export function structureFault(message: Message, genesis: Genesis): string | null {
  switch (message.kind) {
    case "decision":
      return decisionFault(message, genesis);
    case "stable-checkpoint":
      return message.checkpoints.length > 0 && isStableCertificate(message.checkpoints, genesis)
        ? null
        : "checkpoints: expected a quorum of equal checkpoints of distinct replicas";
    case "view-change":
      return viewChangeFault(message, genesis);
    case "new-view":
      return newViewFault(message, genesis);
    default:
      return null;
  }
}

function decisionFault({ commits }: Decision, { replicas }: Genesis): string | null {
  const first = commits[0]?.message;
  const isDecision = first !== undefined && commits.length >= quorum(replicas.length) && areDistinct(commits) &&
    commits.every(({ message: c }) =>
      c.view === first.view && c.sequence === first.sequence && c.digest === first.digest
    );
  return isDecision ? null : "commits: expected a quorum of equal commits of distinct replicas";
}

/** The core checks that the numbers are within the window. */
function viewChangeFault({ stable, prepared, suspicions }: ViewChange, genesis: Genesis): string | null {
  if (!areDistinct(suspicions)) return "suspicions: expected at most one of each replica";
  if (!isStableCertificate(stable, genesis)) {
    return "stable: expected a quorum of equal checkpoints of distinct replicas";
  }
  let previous = -1;
  for (const certificate of prepared) {
    const { sequence } = certificate.prePrepare.message;
    if (sequence <= previous || !isPreparedCertificate(certificate, genesis.replicas.length)) {
      return "prepared: expected valid certificates in ascending order of their sequence numbers";
    }
    previous = sequence;
  }
  return null;
}

function isPreparedCertificate({ prePrepare, prepares }: PreparedCertificate, n: number): boolean {
  const { replica: primary, view, sequence, digest } = prePrepare.message;
  return primary === primaryOf(view, n) && prepares.length >= quorum(n) - 1 && areDistinct(prepares) &&
    prepares.every(({ message: p }) =>
      p.view === view && p.sequence === sequence && p.digest === digest && p.replica !== primary
    );
}

/**
 * The core computes which pre-prepares (O in the paper) a new-view must have. Here it is enough that they are the new
 * primary's and no more than possible.
 */
function newViewFault({ replica, view, viewChanges, prePrepares }: NewView, genesis: Genesis): string | null {
  const n = genesis.replicas.length;
  if (view === 0 || replica !== primaryOf(view, n)) return "replica: expected the primary of the view";
  if (viewChanges.length < quorum(n) || !areDistinct(viewChanges)) {
    return "viewChanges: expected view-changes of a quorum of distinct replicas";
  }
  for (const { message } of viewChanges) {
    const fault = message.view === view ? viewChangeFault(message, genesis) : "view: expected the new view";
    if (fault) return `viewChanges: ${fault}`;
  }
  let previous = -1;
  for (const { message: { replica: by, view: its, sequence } } of prePrepares) {
    if (by !== replica || its !== view || sequence <= previous) {
      return "prePrepares: expected pre-prepares of the primary for this view in ascending order of their sequence numbers";
    }
    previous = sequence;
  }
  return null;
}

function areDistinct(all: readonly Signed<Message & { readonly replica: number }>[]): boolean {
  return new Set(all.map(({ message }) => message.replica)).size === all.length;
}
