import { Column, Entity, PrimaryColumn } from 'typeorm'

/** Who does a job, or has done it last: one row a job, in the database's own time. */
@Entity('lease')
export class LeaseEntity {
  /** The job's; for one that is each box's own, with the holder. */
  @PrimaryColumn('text')
  name!: string

  /** Machine and data folder. */
  @Column('text')
  holder!: string

  /** One more with each holder: whoever has an older one has lost it. */
  @Column('int')
  turn!: number

  @Column('timestamptz')
  begun!: Date

  /** Nobody else takes it before. */
  @Column('timestamptz')
  until!: Date

  /** Null while it runs, and where it was cut off. */
  @Column('timestamptz', { nullable: true })
  ended!: Date | null

  @Column('boolean', { nullable: true })
  failed!: boolean | null
}
