import { Column, Entity, PrimaryColumn } from 'typeorm'

/** Settings of which there is one each: `nginx`. */
@Entity('setting')
export class SettingEntity {
  @PrimaryColumn('text')
  name!: string

  @Column('jsonb')
  value!: Record<string, unknown>

  @Column('int')
  version!: number
}
