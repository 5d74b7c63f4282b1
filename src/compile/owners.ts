/** Which objective trains which parameters: those of the net that it names, or those that belong to none. */
import type { Model } from "../elaborate/program.ts";
import type { Owner } from "../passes/stacked-sums.ts";

/** The place of a parameter's objective in `trained`; -1 where there is none. */
export function ownerOf({ trained }: Pick<Model, "trained">): Owner {
  const rest = trained.indexOf(null);
  return (parameter) => {
    const own = trained.findIndex((net) => net !== null && parameter.startsWith(`${net.name}.`));
    return own < 0 ? rest : own;
  };
}
