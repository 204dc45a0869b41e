/** Adds what a part of the suite found to the run's results, a JSON object a line. */
export async function appendResult(work: string, result: object): Promise<void> {
  const line = `${JSON.stringify(result)}\n`;
  await Deno.writeTextFile(`${work}/results.jsonl`, line, { append: true });
}
