/**
 * What must hold of a message that carries others before any signature in it is worth checking: who is to have signed what, and how many of
 * them. A liar's message with four thousand votes of one member costs a look, not four thousand signatures.
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

/** What is wrong with a message's structure, as a field and what was expected of it; null: nothing. */
export function structureFault(message: Message, genesis: Genesis): string | null {
  switch (message.kind) {
    case "decision":
      return decisionFault(message, genesis);
    case "stable-checkpoint":
      return message.checkpoints.length > 0 && isStableCertificate(message.checkpoints, genesis)
        ? null
        : "checkpoints: expected a quorum of equal ones of distinct replicas";
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
  return isDecision ? null : "commits: expected a quorum of equal ones of distinct replicas";
}

/** Whether the numbers fit to the window is for who knows it. */
function viewChangeFault({ stable, prepared, suspicions }: ViewChange, genesis: Genesis): string | null {
  if (!areDistinct(suspicions)) return "suspicions: expected one of each replica";
  if (!isStableCertificate(stable, genesis)) {
    return "stable: expected a quorum of equal checkpoints of distinct replicas";
  }
  let previous = -1;
  for (const certificate of prepared) {
    const { sequence } = certificate.prePrepare.message;
    if (sequence <= previous || !isPreparedCertificate(certificate, genesis.replicas.length)) {
      return "prepared: expected certificates by ascending number";
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

/** What O must be is computed where it is used; here it is enough that it is the new primary's, and not longer than it can be. */
function newViewFault({ replica, view, viewChanges, prePrepares }: NewView, genesis: Genesis): string | null {
  const n = genesis.replicas.length;
  if (view === 0 || replica !== primaryOf(view, n)) return "replica: expected the view's primary";
  if (viewChanges.length < quorum(n) || !areDistinct(viewChanges)) {
    return "viewChanges: expected those of a quorum of distinct replicas";
  }
  for (const { message } of viewChanges) {
    const fault = message.view === view ? viewChangeFault(message, genesis) : "view: expected the new view";
    if (fault) return `viewChanges: ${fault}`;
  }
  let previous = -1;
  for (const { message: { replica: by, view: its, sequence } } of prePrepares) {
    if (by !== replica || its !== view || sequence <= previous) {
      return "prePrepares: expected the primary's, for this view, by ascending number";
    }
    previous = sequence;
  }
  return null;
}

function areDistinct(all: readonly Signed<Message & { readonly replica: number }>[]): boolean {
  return new Set(all.map(({ message }) => message.replica)).size === all.length;
}
