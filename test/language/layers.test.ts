/** Layers, modifiers, pooling, output layers and losses of the standard library, those of whole sequences too. */
import { checkCases } from "./gradients.ts";
import { layers, sequences } from "./cases.ts";

checkCases([...layers, ...sequences]);
