import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm'

/** Who changed what, and when; never a secret. */
@Entity('audit')
export class AuditEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint' })
  id!: string

  @Index()
  @Column('timestamptz')
  at!: Date

  /** The name of the admin token, or `entrepot` itself. */
  @Column('text')
  author!: string

  @Column('text')
  address!: string

  @Column('text')
  requestId!: string

  /** `upstreams.put`, `accounts.rotate`, … */
  @Column('text')
  action!: string

  /** What it was done to: a host, a name. */
  @Column('text')
  target!: string

  @Column('jsonb', { nullable: true })
  before!: unknown

  @Column('jsonb', { nullable: true })
  after!: unknown
}
