import { z } from 'zod'
import { compileGlob } from '../../oci/glob.js'

const REPOSITORY = 'a pattern of repository names: lower-case letters, digits, . _ - / and * or **'
const TAG = 'a pattern of tags: letters, digits, . _ - and *'

const glob = (shape: RegExp, form: string) =>
  z.string(form).max(255, form).regex(shape, form).transform(compileGlob)
export const repositoryGlob = glob(/^[a-z0-9._*-]+(?:\/[a-z0-9._*-]+)*$/, REPOSITORY)
export const tagGlob = glob(/^[A-Za-z0-9._*-]+$/, TAG)
