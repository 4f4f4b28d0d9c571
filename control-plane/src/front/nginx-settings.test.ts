import { expect, test } from '@jest/globals'

import { nginxSettings } from './nginx-settings.schema.js'

test.each(['0', '17179869184', '999999999999', '16384m', '16G', '999999999g'])(
  '%s is a size, as for the renderer',
  (maxUploadSize) => {
    expect(nginxSettings.parse({ maxUploadSize })).toMatchObject({ maxUploadSize })
  },
)

test.each(['', '016k', '0k', '1000000000g', '1000000000000'])(
  '"%s" is refused at its field',
  (maxUploadSize) => {
    expect(nginxSettings.safeParse({ maxUploadSize }).error?.issues[0]?.path).toEqual(['maxUploadSize'])
  },
)
