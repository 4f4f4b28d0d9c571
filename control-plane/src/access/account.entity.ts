import { Column, Entity, PrimaryColumn } from 'typeorm'

/** Who may push or pull; rendered into the core's YAML, so that logins need no database. */
@Entity('account')
export class AccountEntity {
  @PrimaryColumn('text')
  name!: string

  /** bcrypt. */
  @Column('text')
  secretHash!: string

  /** As the core's schema has them, and everything else that may be set: `rights`, `until`, `countsAsPull`. */
  @Column('jsonb')
  settings!: Record<string, unknown>

  @Column('int')
  version!: number

  @Column('timestamptz')
  createdAt!: Date
}
