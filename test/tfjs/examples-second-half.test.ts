/** See `examples.ts`. */
import { describe } from "vitest";
import { hasBrowser } from "./browser.ts";
import { halves, testExamples } from "./examples.ts";

describe.skipIf(!hasBrowser)("examples in Chromium", () => testExamples(halves[1]!));
