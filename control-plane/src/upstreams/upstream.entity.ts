import { Column, Entity, PrimaryColumn } from 'typeorm'

/** A registry that is mirrored. */
@Entity('upstream')
export class UpstreamEntity {
  @PrimaryColumn('text')
  host!: string

  /** Its place in the list of the YAML. */
  @Column('int')
  position!: number

  /** As the core's own schema takes it, without secrets: the password of a proxy is `***` in it. */
  @Column('jsonb')
  settings!: Record<string, unknown>

  /** Its passwords, encrypted: the account's and that of its proxy; null when there is none. */
  @Column('text', { nullable: true })
  sealedPassword!: string | null

  @Column('int')
  version!: number
}
