/** Every cell of the standard library with each of its options. */
import { describe } from "vitest";
import { cells, noisy } from "./cases.ts";
import { checkCases } from "./gradients.ts";

describe("cells", () => checkCases(cells));
describe("what draws at random", () => checkCases(noisy, true));
