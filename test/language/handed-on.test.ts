/** States handed from one recurrence to another, outputs fed back, attention written by a user, pooling by a query. */
import { checkCases } from "./gradients.ts";
import { handedOn } from "./cases.ts";

checkCases(handedOn);
