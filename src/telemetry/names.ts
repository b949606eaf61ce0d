/** The name under which an SDK knows what comes from here. */
export const SCOPE = "@pbft/edge";
