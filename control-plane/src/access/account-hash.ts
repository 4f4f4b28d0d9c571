/** A hash of bcrypt, as a part of a regular expression: version, cost, salt and hash (crypt(5)). */
export const BCRYPT = String.raw`\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}`
