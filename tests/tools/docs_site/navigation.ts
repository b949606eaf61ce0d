/**
 * The order of the site's pages.
 * @module
 */

/** A part of the sidebar. Pages are named by their files in the repository. */
export interface Section {
  readonly text: string;
  readonly pages: readonly (readonly [file: string, text: string])[];
}

/** The order that we want. */
const SECTIONS: readonly Section[] = [
  {
    text: "Start",
    pages: [["README.md", "@pbft/edge"], ["docs/concepts.md", "Concepts"], ["docs/seeing.md", "See it"]],
  },
  {
    text: "Build",
    pages: [["docs/state_machine.md", "State machines"], ["docs/client.md", "Client"]],
  },
  {
    text: "Deploy",
    pages: [
      ["docs/deploy.md", "Deploy a cluster"],
      ["docs/deploy_deno.md", "Deno"],
      ["docs/deploy_node.md", "Node and Bun"],
      ["docs/deploy_own_machine.md", "Containers, systemd, Kubernetes"],
      ["docs/deploy_deno_deploy.md", "Deno Deploy"],
      ["docs/deploy_cloudflare.md", "Cloudflare"],
    ],
  },
  {
    text: "Operate",
    pages: [
      ["docs/operate.md", "Operate a cluster"],
      ["docs/procedures.md", "Procedures"],
      ["docs/membership.md", "Members"],
      ["docs/telemetry.md", "OpenTelemetry"],
    ],
  },
  {
    text: "Reference",
    pages: [
      ["docs/command.md", "Command"],
      ["docs/http.md", "HTTP"],
      ["docs/api.md", "API at a glance"],
      ["docs/gopbft.md", "goPBFT"],
    ],
  },
  {
    text: "Examples",
    pages: [
      ["examples/README.md", "All examples"],
      ["examples/releases/README.md", "Release register"],
      ["examples/locks/README.md", "Locks"],
      ["examples/browser/README.md", "A page as a client"],
      ["examples/monitoring/README.md", "Monitoring"],
      ["examples/node/README.md", "Node"],
      ["examples/deno_deploy/README.md", "Deno Deploy"],
      ["examples/cloudflare/README.md", "Cloudflare"],
      ["examples/mixed/README.md", "Mixed"],
    ],
  },
  {
    text: "Project",
    pages: [
      ["SECURITY.md", "Security"],
      ["docs/testing.md", "Testing"],
      ["docs/performance.md", "Performance"],
      ["docs/contributing.md", "Contributing"],
      ["CHANGELOG.md", "Changelog"],
    ],
  },
];

/** The sidebar: our order, and after it the pages that it does not name. `texts`: all pages by path. */
export function sidebarOf(texts: ReadonlyMap<string, string>): readonly Section[] {
  const named = new Set(SECTIONS.flatMap(({ pages }) => pages.map(([file]) => file)));
  const left = [...texts].filter(([file]) => !named.has(file));
  const more = left.map(([file, text]) => [file, /^# +(.+)$/m.exec(text)?.[1] ?? file] as const);
  return more.length > 0 ? [...SECTIONS, { text: "More", pages: more }] : SECTIONS;
}
