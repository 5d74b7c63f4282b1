/**
 * What searches among many labels or answers. It is handed to a model, so that packages of models without choices do not
 * carry it.
 */
import { choiceData } from "./choice-data.ts";
import { answer, chooses, generate, withAnswers } from "./generate.ts";
import { candidatesOf } from "./risk.ts";
import { findLabels, readSpelled, spellingOf } from "./spellings.ts";

export const searches = {
  answer,
  candidatesOf,
  choiceData,
  chooses,
  findLabels,
  generate,
  readSpelled,
  spellingOf,
  withAnswers,
};
export type Searches = typeof searches;
