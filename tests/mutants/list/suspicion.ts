/**
 * Timers: when a replica stops trusting its primary (PBFT §4.4, §4.5.2).
 * @module
 */
import { inFile, type Mutant } from "../mutant.ts";

const pending = inFile("src/core/ordering/pending_requests.ts");

/** Too early, too late, or never. */
export const SUSPICION: readonly Mutant[] = [
  {
    name: "view-timeout-never-doubles",
    why: "on a slow network no view lives long enough (§4.5.2)",
    edits: [{
      file: "src/core/views/view_timeout.ts",
      find: "timer.timeoutMs = Math.min(2 * timer.timeoutMs, MAX_FACTOR * step.env.settings.viewTimeoutMs);",
      replace: "void timer;",
    }],
    breaks: ["liveness"],
  },
  {
    name: "waits-for-the-new-view-for-ever",
    why: "no timer runs while a view does not start: f faulty primaries in a row stop the service (§4.5.2)",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: 'return isDue(step) ? "no-new-view" : null;',
      replace: "return null;",
    }],
    breaks: ["liveness"],
  },
  {
    name: "view-timer-not-restarted",
    why: "progress does not restart the timer: a correct primary under load is deposed (§4.5.2)",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: "    resetTimeout(step, timer);\n    stopTimer(timer);",
      replace: "    resetTimeout(step, timer);",
    }],
    breaks: ["calm"],
  },
  {
    name: "view-timer-not-started",
    why: "a primary that is dead is never suspected (§4.5.2)",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: "  timer.dueAt ??= timer.awakeMs + timer.timeoutMs * (step.isBehind ? PATIENT_TIMEOUTS : 1);\n",
      replace: "  if (timer.dueAt === null) return void step.isBehind;\n",
    }],
    breaks: ["liveness"],
  },
  {
    name: "refused-leaves-alone",
    why: "a refused connection is enough for a replica to leave its view alone, without f + 1 suspicions",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: 'import { suspect, withdrawSuspicion } from "./own_suspicion.ts";',
      replace:
        'import { suspect, withdrawSuspicion } from "./own_suspicion.ts";\nimport { leaveFor } from "./view_change.ts";',
    }, {
      file: "src/core/views/view_timer.ts",
      find: "if (!step.isBehind) timer.dueAt = Math.min(dueAt, timer.awakeMs + REFUSED_SHARE * timer.timeoutMs);",
      replace: 'leaveFor(step, step.state.view + 1, { proof: [], why: "suspected" });',
    }],
    breaks: ["certificates"],
  },
  {
    name: "far-ahead-unnoticed",
    why: "a primary whose proposals wait for their time is not replaced, if the others are patient",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: '  if (isFarAhead(step)) return "slow-primary";\n',
      replace: "",
    }],
    breaks: ["liveness"],
  },
  {
    name: "unfairness-unnoticed",
    why: "a primary that starves one client is never suspected",
    edits: [{
      file: "src/core/views/view_timer.ts",
      find: '"slow-time" : state.pending.verdict(timer.awakeMs, fairnessRules(step));',
      replace: '"slow-time" : null;',
    }],
    breaks: ["liveness"],
  },
  {
    name: "pending-not-removed",
    why: "what was executed goes on waiting: correct primaries are deposed for it (§4.5.2)",
    edits: [pending("    this.#byKey.delete(key);\n", "")],
    breaks: ["calm", "exactly-once", "liveness", "no-halt"],
  },
  {
    name: "primary-hands-over-as-often-as-it-likes",
    why: "each view starts the timers anew: liars that hand over to each other, or to themselves, are never suspected",
    edits: [{
      file: "src/core/views/hand_over.ts",
      find: "if (isTooSoon || (!isItsOwn && !isLeftOut)) return joinOthers",
      replace: "if (!isItsOwn && (isTooSoon || !isLeftOut)) return joinOthers",
    }],
    breaks: ["liveness"],
  },
  {
    name: "left-out-as-often-as-it-likes",
    why: "a liar that says that it was left behind changes the view without end",
    edits: [{
      file: "src/core/views/hand_over.ts",
      find: "if (isTooSoon || (!isItsOwn && !isLeftOut)) return joinOthers",
      replace: "if (!isItsOwn && !isLeftOut) return joinOthers",
    }],
    breaks: ["liveness"],
  },
];
