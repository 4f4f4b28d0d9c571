import { HOSTS } from './docker-host.js'
import { imageContract } from './image-contract.js'

imageContract(HOSTS[0])
