/**
 * Back-propagation beside what it differentiates: the same plan with its arrows turned round. A gradient starts at each loss and
 * flows to whatever it depends on that learns, or that something which learns depends on; at a stage it adds to the
 * gradients of its parameters, over all steps.
 */
import type { Box } from "./outline.ts";
import type { PlacedBox, Plan, Route } from "./plan.ts";

const gap = 36;
const headingRoom = 30;

/** Null where no gradient flows: no loss, or nothing learned. */
export function withGradients(plan: Plan): Plan | null {
  const kept = carriers(plan);
  if (kept.size === 0) return null;
  const shift = plan.width + gap;
  const moved = ({ x, ...rest }: PlacedBox): PlacedBox => ({
    ...rest,
    x: x + shift,
    box: gradientOf(rest.box),
  });
  const forward = lowered(plan);
  const backward = lowered({
    ...plan,
    boxes: plan.boxes.filter(({ box }) => kept.has(box.id)).map(moved),
    headings: plan.headings.map((heading) => ({ ...heading, x: heading.x + shift })),
    routes: plan.routes.filter((route) => carries(route, kept)).map((route) => turned(route, shift)),
  });
  const headings = [
    { text: "forward", x: plan.width / 2, y: 24 },
    { text: "backward", x: shift + plan.width / 2, y: 24 },
  ];
  return {
    ...plan,
    width: 2 * plan.width + gap,
    height: plan.height + headingRoom,
    boxes: [...forward.boxes, ...backward.boxes],
    routes: [...forward.routes, ...backward.routes],
    headings: [...headings, ...forward.headings, ...backward.headings],
  };
}

/** Room for a heading above. */
function lowered({ boxes, routes, headings, ...rest }: Plan): Plan {
  const down = <P extends { readonly y: number }>(point: P): P => ({ ...point, y: point.y + headingRoom });
  return {
    ...rest,
    boxes: boxes.map(down),
    headings: headings.map(down),
    routes: routes.map((route) => ({
      ...route,
      points: route.points.map(down),
      labelAt: route.labelAt && down(route.labelAt),
    })),
  };
}

/** The boxes that a gradient passes: between what learns and a loss. */
function carriers({ boxes, routes }: Plan): ReadonlySet<string> {
  const flows = routes.filter(({ role }) => role !== "target" && role !== "next");
  const spread = (start: readonly string[], from: "from" | "to", to: "from" | "to"): ReadonlySet<string> => {
    const found = new Set(start);
    for (const id of found) for (const route of flows) if (route[from] === id) found.add(route[to]);
    return found;
  };
  const ids = (holds: (box: Box) => boolean): readonly string[] =>
    boxes.flatMap(({ box }) => (holds(box) ? [box.id] : []));
  const learning = spread(
    ids(({ parameters }) => parameters.length > 0),
    "from",
    "to",
  );
  const lossy = spread(
    ids(({ kind }) => kind === "loss"),
    "to",
    "from",
  );
  return new Set([...learning].filter((id) => lossy.has(id)));
}

const carries = ({ from, to, role }: Route, kept: ReadonlySet<string>): boolean =>
  role !== "target" && role !== "next" && kept.has(from) && kept.has(to);

/** Its box in the backward graph: the gradient of what it gives, and those that it adds to. */
export function gradientOf({ id, kind, label, parameters, ...box }: Box): Box {
  const detail = parameters.map((name) => `∂${name}`).join(" ");
  const name = kind === "loss" ? `∂ ${label}` : `∂ ${label.replace(/^.* = /u, "")}`;
  return { ...box, parameters, kind: "gradient", id: `d${id}`, label: name, detail };
}

const turned = (route: Route, shift: number): Route => ({
  ...route,
  kind: "gradient",
  from: `d${route.to}`,
  to: `d${route.from}`,
  points: route.points.toReversed().map(({ x, y }) => ({ x: x + shift, y })),
  labelAt: route.labelAt && { ...route.labelAt, x: route.labelAt.x + shift },
});
