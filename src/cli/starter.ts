/** What `rnnc init` writes. The text is from Shakespeare's sonnets (1609), which are in the public domain. */

export const starterFiles = (project: string): Readonly<Record<string, string>> => ({
  "poet.rnn": program,
  "sonnets.txt": sonnets,
  "README.md": readme(project),
});

const program = `# A model of text, letter by letter: from the letters so far it predicts the next.
input text : char[T]

text >> embed(24) >> lstm(96) >> softmax(next(text))

train {
  optimizer adam(5e-3)
  clip norm 5
  batch 8
  tbptt 32
  epochs 16
  validate 0.1
}
decode { sample(temperature = 0.7, avoid = unk) }
`;

const readme = (project: string): string => `# ${project}

\`poet.rnn\` is a model of text, letter by letter; \`sonnets.txt\` is a little text to learn.

\`\`\`sh
rnnc check poet.rnn                          # is the program right?
rnnc graph poet.rnn                          # draws it: poet.svg
rnnc train poet.rnn --data sonnets.txt       # learns, and writes the package poet/
rnnc sample poet --prompt "Shall I "         # makes up text
rnnc eval poet --data sonnets.txt            # loss, perplexity, bits per character
\`\`\`

The folder \`poet/\` then holds the model as a module without dependencies, for a web page, a worker or Node:

\`\`\`js
import { load } from "./poet/poet.js";

const model = await load();
console.log([...model.generate({ prompt: "Shall I ", length: 200 })].join(""));
\`\`\`

\`poet/loss.svg\` shows how the training went. Ctrl-C stops one, \`--resume\` goes on with it. Change the program and try
again: \`gru(96)\` in place of \`lstm(96)\`, \`>> stack(2)\` after it, \`>> dropout(0.2)\` before the softmax. \`rnnc explain lstm\`
shows what a layer computes.
`;

const sonnets = `Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade
Nor lose possession of that fair thou owest;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest:
So long as men can breathe or eyes can see,
So long lives this and this gives life to thee.

Let me not to the marriage of true minds
Admit impediments. Love is not love
Which alters when it alteration finds,
Or bends with the remover to remove:
O no! it is an ever-fixed mark
That looks on tempests and is never shaken;
It is the star to every wandering bark,
Whose worth's unknown, although his height be taken.
Love's not Time's fool, though rosy lips and cheeks
Within his bending sickle's compass come:
Love alters not with his brief hours and weeks,
But bears it out even to the edge of doom.
If this be error and upon me proved,
I never writ, nor no man ever loved.

My mistress' eyes are nothing like the sun;
Coral is far more red than her lips' red;
If snow be white, why then her breasts are dun;
If hairs be wires, black wires grow on her head.
I have seen roses damask'd, red and white,
But no such roses see I in her cheeks;
And in some perfumes is there more delight
Than in the breath that from my mistress reeks.
I love to hear her speak, yet well I know
That music hath a far more pleasing sound;
I grant I never saw a goddess go;
My mistress, when she walks, treads on the ground:
And yet, by heaven, I think my love as rare
As any she belied with false compare.

When, in disgrace with fortune and men's eyes,
I all alone beweep my outcast state
And trouble deaf heaven with my bootless cries
And look upon myself and curse my fate,
Wishing me like to one more rich in hope,
Featured like him, like him with friends possess'd,
Desiring this man's art and that man's scope,
With what I most enjoy contented least;
Yet in these thoughts myself almost despising,
Haply I think on thee, and then my state,
Like to the lark at break of day arising
From sullen earth, sings hymns at heaven's gate;
For thy sweet love remember'd such wealth brings
That then I scorn to change my state with kings.
`;
