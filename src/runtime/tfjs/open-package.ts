/** How a package for tfjs opens itself: metadata, program and weights as in `../open-package.ts`. */
import type { Metadata } from "../metadata.ts";
import { metadataOf, type PackageOptions, type PackageParts, weightsOf } from "../open-package.ts";
import type { Choices } from "./choices.ts";
import type { DeviceModel } from "./model.ts";
import { openOn, type Tfjs } from "./open.ts";
import type { TfjsProgram } from "./program.ts";

/** What the `.json` of a package for tfjs holds. */
export interface TfjsMetadata extends Metadata {
  readonly tfjs: TfjsProgram;
}

export async function openTfjsPackage(
  parts: Pick<PackageParts, "weights"> & { readonly metadata: () => URL | TfjsMetadata },
  base: string,
  tf: Tfjs,
  options: Omit<PackageOptions, "wasm"> = {},
  choices: Choices | null = null,
): Promise<DeviceModel> {
  const [metadata, weights] = await Promise.all([
    options.metadata ?? metadataOf(parts.metadata()),
    weightsOf(parts, base, options),
  ]);
  return openOn({ tf, metadata, program: (metadata as TfjsMetadata).tfjs, weights, choices });
}
