export function closestString(givenWord: string, possibleWords: ReadonlyArray<string>): string;
