/**
 * What an operation may cost: counts of four replicas together, per operation, without checkpoints. They do not depend on the machine, so
 * a test holds them. A change that lowers one lowers it here: the failing test prints the line.
 * @module
 */
import type { Counts } from "./counted_cluster.ts";

/** The gates, by work. */
export const GATES: Readonly<Record<string, Counts>> = {
  "1 caller": {
    messages: 24.8,
    bytes: 3330,
    deliveries: 24.7,
    replies: 2,
    verifications: 20.7,
    signatures: 10.2,
    commits: 8,
    storedBytes: 4240,
  },
  "50 callers, bundled": {
    messages: 0.495,
    bytes: 367,
    deliveries: 0.493,
    replies: 0.04,
    verifications: 0.413,
    signatures: 0.204,
    commits: 0.16,
    storedBytes: 485,
  },
  "50 callers, each signs alone": {
    messages: 0.974,
    bytes: 744,
    deliveries: 0.972,
    replies: 2,
    verifications: 4.65,
    signatures: 0.444,
    commits: 0.32,
    storedBytes: 986,
  },
  "50 callers of /req": {
    messages: 0.496,
    bytes: 402,
    deliveries: 0.556,
    replies: 0.06,
    verifications: 0.455,
    signatures: 0.245,
    commits: 0.16,
    storedBytes: 531,
  },
};
