import { Column, Entity, PrimaryColumn } from 'typeorm'

import type { Right } from './right.js'

/** A token of the admin API. */
@Entity('admin_token')
export class AdminTokenEntity {
  /** Stands in the token too, so that one row is looked at and not all. */
  @PrimaryColumn('text')
  id!: string

  @Column('text', { unique: true })
  name!: string

  /** argon2id. */
  @Column('text')
  hash!: string

  @Column('text')
  rights!: Right

  @Column('timestamptz', { nullable: true })
  until!: Date | null

  @Column('timestamptz')
  createdAt!: Date
}
