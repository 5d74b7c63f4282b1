/** Models with all that any model may need: what the library gives. */
import { type LoadOptions, type Model, openModel } from "./model.ts";
import { searches } from "./searches.ts";
import { startThreads } from "./threads.ts";

export type { LoadOptions, Model, PredictOptions } from "./model.ts";
export type { LabelledHypothesis } from "./spellings.ts";

export const load = (options: LoadOptions): Promise<Model> => openModel(options, { searches, startThreads });
