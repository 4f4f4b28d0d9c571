import type { Need } from '../support/needs.js'

export const STRACE: Need = { program: 'strace', debianPackage: 'strace' }
export const EXT4: Need = { program: 'mkfs.ext4', debianPackage: 'e2fsprogs' }
export const XFS: Need = { program: 'mkfs.xfs', debianPackage: 'xfsprogs' }
export const XFS_IO: Need = { program: 'xfs_io', debianPackage: 'xfsprogs' }
export const DISTRIBUTION: Need = { program: 'docker-registry', debianPackage: 'docker-registry' }
